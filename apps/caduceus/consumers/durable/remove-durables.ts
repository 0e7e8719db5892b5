/** The end of a webhook's consumers. */
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import { feedsOf, streamOfFeed } from '#apps/caduceus/feed.ts'
import type { EventStream } from '#libs/nats/stream/event-streams.ts'
import { findConsumer, removeConsumer } from './consumer-api.ts'
import { durableOf, oldDurableOf, webhookIdOfConsumer } from './durable-name.ts'

/** Removes the webhook's consumers and resolves with how many events they owed. */
export async function removeDurables(
  manager: JetStreamManager,
  webhookId: string,
): Promise<number> {
  let owedCount = 0
  for (const feed of feedsOf(webhookId)) {
    owedCount += await removeDurable(manager, streamOfFeed(feed), webhookId)
  }
  return owedCount
}

/** By either name. */
async function removeDurable(
  manager: JetStreamManager,
  stream: EventStream,
  webhookId: string,
): Promise<number> {
  const [found, old] = await Promise.all([
    findConsumer(manager, stream, durableOf(webhookId)),
    findConsumer(manager, stream, oldDurableOf(webhookId)),
  ])
  const own = [found, old].filter((each) => each && webhookIdOfConsumer(each) === webhookId)
  let owedCount = 0
  for (const consumer of own as ConsumerInfo[]) {
    // Both owe the same, where there are both.
    owedCount = Math.max(owedCount, consumer.num_pending + consumer.num_ack_pending)
    await removeConsumer(manager, stream, consumer.name)
  }
  return owedCount
}

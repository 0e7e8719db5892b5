/** What the server says of a feed's consumer and of its stream, from which its place is made out. */
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import { findConsumer } from '#apps/caduceus/consumers/durable/consumer-api.ts'
import type { FailedAttempts } from '#apps/caduceus/delivery/failed-attempts.ts'
import { streamOfFeed } from '#apps/caduceus/feed.ts'
import { isSame, type Facts } from './place.ts'

/** How often a place is asked for in a row while events of its filter come in between. */
const SURE_TRIES_MAX = 5

/** Who is asked. */
interface FactsOptions {
  manager: JetStreamManager
  failedAttempts: FailedAttempts
}

/**
 * What the server says. The stream is asked after the consumer: so what the consumer says is from
 * before whatever is removed. @throws the client's errors.
 */
export async function factsOf(
  { manager, failedAttempts }: FactsOptions,
  feed: string,
  consumer: ConsumerInfo,
): Promise<Facts> {
  const { state } = await manager.streams.info(streamOfFeed(feed))
  const notedCount = failedAttempts.notedCount(feed)
  return { consumer, firstSeq: state.first_seq, lastSeq: state.last_seq, notedCount }
}

/** Facts between whose two halves no event of the filter came; undefined when there are none. @throws the client's errors. */
export async function sureFacts(
  options: FactsOptions,
  feed: string,
  { consumer }: Facts,
): Promise<Facts | undefined> {
  let before: ConsumerInfo | undefined = consumer
  for (let tries = 0; before && tries < SURE_TRIES_MAX; tries += 1) {
    const facts = await factsOf(options, feed, before)
    const after: ConsumerInfo | undefined = await findConsumer(
      options.manager,
      streamOfFeed(feed),
      consumer.name,
    )
    if (after && isSame(before, after)) return facts
    before = after
  }
  return undefined
}

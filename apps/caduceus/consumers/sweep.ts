/** Removes what has expired, with its consumers; every instance does it, and once is enough. */
import type { JetStreamManager } from '@nats-io/jetstream'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Bucket } from '#libs/nats/bucket/bucket.ts'
import { EVENT_STREAMS, EVENTS_STREAM, type EventStream } from '#libs/nats/stream/event-streams.ts'
import { wait } from '#libs/retry/wait.ts'
import { findConsumer, removeConsumer } from './durable/consumer-api.ts'
import { durableOf, oldDurableOf, webhookIdOfConsumer } from './durable/durable-name.ts'
import { removeDurables } from './durable/durable.ts'
import { settleOldDurable } from './durable/old-durable.ts'
import type { Webhooks } from './webhooks.ts'

/** Consumers without a webhook are looked for in each so-many-th sweep: it lists all of them. */
const ORPHANS_EVERY = 20

/** What {@link sweepForEver} needs. */
export interface SweepOptions {
  webhooks: Webhooks
  bucket: Bucket<Webhook>
  manager: JetStreamManager
  everyMs: number
  graceMs: number
  orphanAgeMs: number
  metrics: Metrics
  log: Logger
  signal: AbortSignal
}

/** Sweeps until the signal aborts. Never rejects. */
export async function sweepForEver(options: SweepOptions): Promise<void> {
  const { everyMs, signal, log } = options
  // At random places of the period, so that instances do not do the same at the same time.
  for (let round = 1; await wait(everyMs * (0.8 + 0.4 * Math.random()), signal); round += 1) {
    try {
      await sweepExpired(options)
      if (round % ORPHANS_EVERY !== 0) continue
      for (const stream of EVENT_STREAMS) await sweepOrphans(options, stream)
    } catch (error) {
      if (!signal.aborted) log.warn({ error: String(error) }, 'sweep failed')
    }
  }
}

async function sweepExpired(options: SweepOptions): Promise<void> {
  const { webhooks, bucket, manager, graceMs, metrics, log } = options
  for (const { id, webhook } of webhooks.all()) {
    if (webhook.untilMs + graceMs > Date.now()) continue
    const found = await bucket.get(id)
    if (found && found.value.untilMs + graceMs > Date.now()) {
      // Renewed, and our watch does not know yet.
      webhooks.apply(id, found.value, found.revision)
      continue
    }
    // What cannot be read may be a renewal by a newer version: not ours to end.
    if (!found && (await bucket.has(id))) continue
    if (found) await bucket.delete(id)
    const pending = await removeDurables(manager, id)
    webhooks.remove(id)
    metrics.dropped.inc({ reason: 'expired' }, pending)
    log.info({ webhookId: id, pending }, 'webhook expired')
  }
}

async function sweepOrphans(options: SweepOptions, stream: EventStream): Promise<void> {
  const { webhooks, bucket, manager, orphanAgeMs, metrics, log } = options
  for await (const consumer of manager.consumers.list(stream)) {
    const id = webhookIdOfConsumer(consumer)
    if (id === undefined) continue
    // An entry that cannot be read is no missing one, and neither is one that is to be written back.
    if (webhooks.get(id) || (await bucket.has(id))) {
      // Whoever pulls from it is a Caduceus of the old version, which would only make it again.
      const isLeft = consumer.name === oldDurableOf(id) && consumer.num_waiting === 0
      if (isLeft && stream === EVENTS_STREAM) await settleOldDurable(manager, id)
      continue
    }
    if (Date.now() - Date.parse(consumer.created) < orphanAgeMs) continue
    if (consumer.num_waiting > 0 || (await isPulled(manager, id))) continue
    // This one alone: the webhook's others have an age and a state of their own.
    await removeConsumer(manager, stream, consumer.name)
    metrics.cutOffs.inc({ reason: 'orphan' })
    const pending = consumer.num_pending + consumer.num_ack_pending
    log.warn({ webhookId: id, stream, pending }, 'consumer without a webhook removed')
  }
}

/**
 * Whether somebody pulls from any consumer of the webhook: it knows a webhook that the bucket has
 * lost, and asks for nothing from a stream of which it has as much in hand as it may.
 */
async function isPulled(manager: JetStreamManager, webhookId: string): Promise<boolean> {
  for (const stream of EVENT_STREAMS) {
    const found = await findConsumer(manager, stream, durableOf(webhookId))
    if (found && found.num_waiting > 0) return true
  }
  return false
}

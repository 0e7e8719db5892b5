/** Removes what has expired, with its consumer; every instance does it, and once is enough. */
import type { JetStreamManager } from '@nats-io/jetstream'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Bucket } from '#libs/nats/bucket.ts'
import { wait } from '#libs/retry/wait.ts'
import { DURABLE_PREFIX, EVENTS_STREAM, findDurable, removeDurable } from './durable.ts'
import type { Webhooks } from './webhooks.ts'

/** Consumers without a webhook are looked for in each so-many-th sweep: it lists all of them. */
const ORPHANS_EVERY = 20

/** A younger consumer may belong to a registration that is being made at this moment. */
const ORPHAN_AGE_MS = 60_000

/** What {@link sweepForEver} needs. */
export interface SweepOptions {
  webhooks: Webhooks
  bucket: Bucket<Webhook>
  manager: JetStreamManager
  everyMs: number
  graceMs: number
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
      if (round % ORPHANS_EVERY === 0) await sweepOrphans(options)
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
    const consumer = await findDurable(manager, id)
    const pending = consumer ? consumer.num_pending + consumer.num_ack_pending : 0
    if (found) await bucket.delete(id)
    await removeDurable(manager, id)
    webhooks.remove(id)
    metrics.dropped.inc({ reason: 'expired' }, pending)
    log.info({ webhookId: id, pending }, 'webhook expired')
  }
}

async function sweepOrphans({ bucket, manager, metrics, log }: SweepOptions): Promise<void> {
  for await (const { name, created, num_pending: pending } of manager.consumers.list(
    EVENTS_STREAM,
  )) {
    if (!name.startsWith(DURABLE_PREFIX)) continue
    if (Date.now() - Date.parse(created) < ORPHAN_AGE_MS) continue
    const id = name.slice(DURABLE_PREFIX.length)
    if (await bucket.get(id)) continue
    await removeDurable(manager, id)
    metrics.cutOffs.inc({ reason: 'orphan' })
    log.warn({ webhookId: id, pending }, 'consumer without a webhook removed')
  }
}

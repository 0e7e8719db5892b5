/**
 * Registrations that the bucket has lost although nobody deleted them (a NATS that came back
 * without its data), written back by who still knows them. Only where there is none: of several
 * instances one does it, and a registration that was made anew meanwhile stays.
 */
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import { withoutQuery, type Webhook } from '#apps/caduceus/webhook.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Bucket } from '#libs/nats/bucket/bucket.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { untilAborted } from '#libs/retry/until-aborted.ts'
import { wait } from '#libs/retry/wait.ts'
import type { Webhooks } from './webhooks.ts'

/** Waits while the bucket cannot be written: somebody may be making it anew. */
const BACKOFF = { firstMs: 250, maxMs: 10_000 }

/** Writes lost registrations back, one after the other. */
interface WriteBack {
  /** One that is known here and missing in the bucket. */
  take(id: string): void
  /** Resolves when nothing is left to be written, or the signal aborted. */
  settled(): Promise<void>
}

/** What {@link createWriteBack} needs. */
interface WriteBackOptions {
  webhooks: Webhooks
  bucket: Bucket<Webhook>
  metrics: Metrics
  log: Logger
  /** Nothing is written once it aborts. */
  signal: AbortSignal
}

/** Nothing is lost yet. */
export function createWriteBack(options: WriteBackOptions): WriteBack {
  const lost = new Set<string>()
  let writing: Promise<void> | undefined
  return {
    take(id) {
      lost.add(id)
      writing ??= writeAll(lost, options).finally(() => (writing = undefined))
    },
    settled: () => writing ?? Promise.resolve(),
  }
}

async function writeAll(lost: Set<string>, options: WriteBackOptions): Promise<void> {
  const { log, signal } = options
  const backoff = createBackoff(BACKOFF)
  while (!signal.aborted) {
    const [id] = lost
    if (id === undefined) return
    try {
      await untilAborted(write(id, options), signal)
      lost.delete(id)
      backoff.reset()
    } catch (error) {
      if (signal.aborted) return
      log.warn({ lost: lost.size, error: String(error) }, 'lost webhooks cannot be written back')
      await wait(backoff.nextMs(), signal)
    }
  }
}

/** @throws the client's error when the bucket cannot be written. */
async function write(id: string, options: WriteBackOptions): Promise<void> {
  const { webhooks, bucket, metrics, log } = options
  const webhook = webhooks.get(id)?.webhook
  // Ended by its owner or run out: the sweep removes the rest.
  if (!webhook || webhook.untilMs <= Date.now()) return
  try {
    webhooks.apply(id, webhook, await bucket.create(id, webhook))
  } catch (error) {
    if (isThere(error)) return
    throw error
  }
  metrics.webhooksWrittenBack.inc()
  const { url } = webhook.hook.config
  log.warn({ webhookId: id, url: withoutQuery(url) }, 'webhook was lost and is written back')
}

/** Somebody was faster: another instance, or the owner with a registration of now. */
const isThere = (error: unknown): boolean =>
  error instanceof JetStreamApiError &&
  (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
    error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)

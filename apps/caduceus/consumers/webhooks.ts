/** The webhooks that this instance delivers for: for each one that is not expired, a pull loop. */
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import type { Deliver } from '#apps/caduceus/delivery/deliver.ts'
import { createMatcher, type Matcher } from '#apps/caduceus/delivery/matcher.ts'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import type { Logger } from '#libs/log/logger.ts'
import { consume } from '#libs/nats/consume.ts'
import {
  durableOf,
  ensureDurable,
  EVENTS_STREAM,
  findDurable,
  type DurableLimits,
} from './durable.ts'
import type { LossWatch } from './retention-loss.ts'

/** The longest time that a timer can be set to. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** One webhook that is known. */
interface KnownWebhook {
  readonly id: string
  webhook: Webhook
  revision: number
  matches: Matcher
}

/** The webhooks that are known. Disposing ends all loops; what is in hand is finished. */
export interface Webhooks extends AsyncDisposable {
  get(id: string): KnownWebhook | undefined
  all(): Iterable<KnownWebhook>
  readonly count: number
  /** Takes over a registration, unless a newer revision of it is known. Never throws. */
  apply(id: string, webhook: Webhook, revision: number): void
  remove(id: string): void
}

/** What {@link createWebhooks} needs. */
export interface WebhooksOptions {
  jetStream: JetStreamClient
  manager: JetStreamManager
  limits: DurableLimits
  /** Deliveries to one webhook at once. */
  concurrency: number
  deliver: Deliver
  lossWatch: LossWatch
  metrics: Metrics
  log: Logger
}

interface Entry extends KnownWebhook {
  ending: AbortController | undefined
  loop: Promise<void>
  timer: NodeJS.Timeout | undefined
}

/** No webhooks yet. */
export function createWebhooks(options: WebhooksOptions): Webhooks {
  const { metrics, log } = options
  const entries = new Map<string, Entry>()
  const ended = new Set<Promise<void>>()

  const stop = (entry: Entry): void => {
    clearTimeout(entry.timer)
    if (entry.ending) metrics.webhooks.dec()
    entry.ending?.abort()
    entry.ending = undefined
  }
  const expire = (entry: Entry): void => {
    if (Date.now() < entry.webhook.untilMs) return schedule(entry)
    if (entry.ending) metrics.cutOffs.inc({ reason: 'expired' })
    stop(entry)
  }
  const schedule = (entry: Entry): void => {
    clearTimeout(entry.timer)
    const leftMs = Math.min(entry.webhook.untilMs - Date.now(), TIMER_MS_MAX)
    entry.timer = setTimeout(expire, Math.max(0, leftMs), entry)
    if (entry.ending) return
    const ending = new AbortController()
    entry.ending = ending
    metrics.webhooks.inc()
    // One after the other: two loops of one instance would double its concurrency.
    entry.loop = entry.loop.then(() => run(options, entry, ending.signal))
  }

  return {
    get: (id) => entries.get(id),
    all: () => entries.values(),
    get count() {
      return entries.size
    },
    apply(id, webhook, revision) {
      const known = entries.get(id)
      if (known && known.revision >= revision) return
      let matches: Matcher
      try {
        matches = createMatcher(webhook)
      } catch (error) {
        log.error({ webhookId: id, error: String(error) }, 'webhook cannot be used')
        metrics.cutOffs.inc({ reason: 'unusable' })
        return
      }
      const entry: Entry =
        known ?? ({ id, ending: undefined, loop: Promise.resolve(), timer: undefined } as Entry)
      Object.assign(entry, { webhook, revision, matches })
      entries.set(id, entry)
      if (Date.now() < webhook.untilMs) schedule(entry)
      else expire(entry)
    },
    remove(id) {
      const entry = entries.get(id)
      if (!entry) return
      entries.delete(id)
      stop(entry)
      const loop = entry.loop.finally(() => ended.delete(loop))
      ended.add(loop)
    },
    async [Symbol.asyncDispose]() {
      for (const entry of entries.values()) stop(entry)
      await Promise.all([...ended, ...[...entries.values()].map((entry) => entry.loop)])
      entries.clear()
    },
  }
}

async function run(options: WebhooksOptions, entry: Entry, signal: AbortSignal): Promise<void> {
  const { jetStream, manager, limits, concurrency, deliver, lossWatch, metrics } = options
  const log = options.log.child({ webhookId: entry.id })
  // Without it only the count of what was lost before this moment is missing.
  const consumer = await findDurable(manager, entry.id).catch(() => undefined)
  if (consumer) {
    const { consumer_seq: consumerSequence, stream_seq: streamSequence } = consumer.delivered
    lossWatch.begin(entry, { consumerSequence, streamSequence })
  }
  await consume(jetStream, {
    stream: EVENTS_STREAM,
    durable: durableOf(entry.id),
    concurrency,
    handle(message) {
      const { deliverySequence: consumerSequence, streamSequence } = message.info
      lossWatch.observe(entry, { consumerSequence, streamSequence })
      return deliver(entry, message)
    },
    async onMissing() {
      if (signal.aborted) return false
      // Its place is lost with it, so events of the meantime are too: somebody must know.
      log.error('consumer is missing and made anew')
      metrics.cutOffs.inc({ reason: 'consumer-missing' })
      await ensureDurable(manager, entry.id, entry.webhook.hook, limits).catch((error: unknown) => {
        log.warn({ error: String(error) }, 'consumer cannot be made')
      })
      return true
    },
    signal,
    log,
  })
}

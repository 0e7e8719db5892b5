/** The webhooks that this instance delivers for: for each one that is not expired, a pull loop a stream. */
import { createMatcher, type Matcher } from '#apps/caduceus/delivery/matching/matcher.ts'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import { feedsOf } from '#apps/caduceus/feed.ts'
import { wait } from '#libs/retry/wait.ts'
import { pullForEver, type PullOptions, type Pulled } from './pull/pull.ts'
import { Turns } from './pull/turns.ts'

/** The longest time that a timer can be set to. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** How long the loop of a webhook rests after a fault. */
const AFTER_FAULT_MS = 5_000

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
  /** The bucket is another one: what it has of a webhook counts, whatever its revision. */
  forgetRevisions(): void
}

interface Entry extends KnownWebhook {
  ending: AbortController | undefined
  loop: Promise<void>
  timer: NodeJS.Timeout | undefined
}

/** No webhooks yet. */
export function createWebhooks(options: PullOptions): Webhooks {
  const { metrics, faults, log } = options
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
    const onTimer = (): void =>
      void faults.try('expiry', () => expire(entry), { webhookId: entry.id })
    entry.timer = setTimeout(onTimer, Math.max(0, leftMs))
    if (entry.ending) return
    const ending = new AbortController()
    entry.ending = ending
    metrics.webhooks.inc()
    // One after the other: two loops of one instance would double its concurrency.
    entry.loop = entry.loop.then(() => pullAll(options, entry, ending.signal))
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
      options.places.end(id)
      const loop = entry.loop.finally(() => ended.delete(loop))
      ended.add(loop)
    },
    forgetRevisions() {
      for (const entry of entries.values()) entry.revision = 0
    },
    async [Symbol.asyncDispose]() {
      for (const entry of entries.values()) stop(entry)
      await Promise.all([...ended, ...[...entries.values()].map((entry) => entry.loop)])
      entries.clear()
    },
  }
}

/** The loops of one webhook. Never rejects. */
async function pullAll(options: PullOptions, target: Entry, signal: AbortSignal): Promise<void> {
  const feeds = feedsOf(target.id)
  const turns = new Turns(feeds, () => options.places.of(target.id))
  await Promise.all(feeds.map((feed) => pullAgain(options, { feed, target, turns }, signal)))
}

/** The loop of one feed, begun anew after what should not happen. Never rejects. */
async function pullAgain(options: PullOptions, pulled: Pulled, signal: AbortSignal): Promise<void> {
  do {
    try {
      return await pullForEver(options, pulled, signal)
    } catch (error) {
      options.faults.tell('loop', error, { webhookId: pulled.target.id })
    }
  } while (await wait(AFTER_FAULT_MS, signal))
}

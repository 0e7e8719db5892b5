/**
 * The watch of a bucket, kept through everything that happens to the connection and to the bucket:
 * a stream that was lost and made again is another one, of which the old watch hears nothing.
 */
import type { KV, KvEntry, KvWatchEntry } from '@nats-io/kv'
import type { Logger } from '#libs/log/logger.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { untilAborted } from '#libs/retry/until-aborted.ts'
import { wait } from '#libs/retry/wait.ts'

/**
 * How often a watch begins anew and compares. Watches of every client have been seen to go deaf;
 * with this none stays so for longer than a minute, and it costs one small consumer a minute.
 */
const RECONCILE_MS = 60_000

/**
 * How often a watch looks whether its bucket is still the one that it watches. The client would
 * notice after a minute, and a Talaria's lease ends after 15 s.
 */
const SAME_BUCKET_MS = 2_000

/** Waits between attempts to watch: many watchers lose the same server at the same moment. */
const WATCH_BACKOFF = { firstMs: 250, maxMs: 10_000 }

/**
 * How a key went: deleted by somebody, purged or run out (the server tells both alike), missing
 * when the watch began anew, or given a value that cannot be read. A deletion leaves a mark, so
 * what is missing was not deleted: the bucket was lost, or emptied by somebody.
 */
export type GoneReason = 'deleted' | 'purged' | 'missing' | 'unreadable'

/** What a watch calls. None may throw. */
export interface BucketWatch<T> {
  signal: AbortSignal
  onPut(key: string, value: T, revision: number): void
  /** The key has no value any more, or has one that cannot be read: that also for one not known. */
  onGone(key: string, reason: GoneReason): void
  /** All entries that were there at the start have been told. Called once. */
  onReady?(): void
  /** The bucket was lost and made anew: from now on its revisions begin at 1. */
  onReplaced?(): void
}

/** What {@link watchForEver} needs. */
export interface WatchOptions<T> extends BucketWatch<T> {
  /** Makes the value of an entry; undefined for what cannot be read, which it has logged. */
  read: (entry: KvEntry) => T | undefined
  log: Logger
}

/** Keys with a value; of one that cannot be read the revision, so that it is told once. */
type Known = Map<string, { unreadable?: number }>

/** Watches until the signal aborts; resolves then. Never rejects. */
export async function watchForEver<T>(kv: KV, watching: WatchOptions<T>): Promise<void> {
  const { signal, log } = watching
  const known: Known = new Map()
  const backoff = createBackoff(WATCH_BACKOFF)
  let isReady = false
  let created: string | undefined
  const onReady = (): void => {
    backoff.reset()
    if (!isReady) watching.onReady?.()
    isReady = true
  }
  while (!signal.aborted) {
    try {
      // Before the watch: if the bucket is made anew in between, this is what no longer fits.
      const { streamInfo } = await untilAborted(kv.status(), signal)
      if (created !== undefined && created !== streamInfo.created) {
        log.warn('bucket was lost and made anew')
        watching.onReplaced?.()
      }
      created = streamInfo.created
      await watchOnce(kv, { ...watching, onReady, created }, known)
    } catch (error) {
      if (signal.aborted) return
      log.warn({ error: String(error) }, 'watch failed')
      await wait(backoff.nextMs(), signal)
    }
  }
}

/** One watch, from the entries that are there until it is time to begin anew. */
async function watchOnce<T>(
  kv: KV,
  watching: WatchOptions<T> & { onReady(): void; created: string },
  known: Known,
): Promise<void> {
  const { signal, created } = watching
  // The client waits 5 s for a server that went away meanwhile; an end does not.
  const entries = await untilAborted(kv.watch(), signal, (late) => late.stop())
  const stop = (): void => entries.stop()
  const ended = new AbortController()
  signal.addEventListener('abort', stop)
  const timer = setTimeout(stop, RECONCILE_MS)
  const seen = new Set<string>()
  let isSnapshot = true
  const endSnapshot = (): void => {
    if (!isSnapshot) return
    isSnapshot = false
    // What was known and is not there any more went while nobody watched.
    for (const key of [...known.keys()].filter((each) => !seen.has(each))) {
      gone(watching, known, key, 'missing')
    }
    watching.onReady()
  }
  try {
    // An empty bucket yields nothing that would say so.
    if ((await untilAborted(kv.status(), signal)).values === 0) endSnapshot()
    void untilReplaced(kv, created, ended.signal).then(stop)
    for await (const entry of entries) {
      apply(watching, known, entry)
      seen.add(entry.key)
      if (entry.isUpdate) endSnapshot()
    }
  } finally {
    ended.abort()
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    stop()
  }
}

/** Resolves once the bucket is another than the one made at `created`, or the signal aborts. */
async function untilReplaced(kv: KV, created: string, signal: AbortSignal): Promise<void> {
  while (await wait(SAME_BUCKET_MS, signal)) {
    // No answer says nothing of the bucket; nor does "there is none": another may come.
    const status = await untilAborted(kv.status(), signal).catch(() => undefined)
    if (status && status.streamInfo.created !== created) return
  }
}

function apply<T>(watching: WatchOptions<T>, known: Known, entry: KvWatchEntry): void {
  const { key, operation, revision } = entry
  if (operation !== 'PUT') {
    return gone(watching, known, key, operation === 'DEL' ? 'deleted' : 'purged')
  }
  const value = watching.read(entry)
  if (value === undefined) {
    const isTold = known.get(key)?.unreadable === revision
    known.set(key, { unreadable: revision })
    if (!isTold) watching.onGone(key, 'unreadable')
    return
  }
  known.set(key, {})
  watching.onPut(key, value, revision)
}

function gone<T>(watching: WatchOptions<T>, known: Known, key: string, reason: GoneReason): void {
  if (known.delete(key)) watching.onGone(key, reason)
}

/**
 * A KV bucket whose values are JSON of one type: what is read is parsed, what cannot be parsed is
 * logged and left out, and a watch goes on through everything that happens to the connection.
 */
import { jetstream } from '@nats-io/jetstream'
import { Kvm, type KV, type KvWatchEntry } from '@nats-io/kv'
import type { Logger } from '#libs/log/logger.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { untilAborted } from '#libs/retry/until-aborted.ts'
import { wait } from '#libs/retry/wait.ts'
import type { Nats } from './connect.ts'

/**
 * How often a watch begins anew and compares. Watches of every client have been seen to go deaf;
 * with this none stays so for longer than a minute, and it costs one small consumer a minute.
 */
const RECONCILE_MS = 60_000

/** Waits between attempts to watch: many watchers lose the same server at the same moment. */
const WATCH_BACKOFF = { firstMs: 250, maxMs: 10_000 }

/** One entry, with the revision that an update must name. */
export interface BucketEntry<T> {
  value: T
  revision: number
}

/**
 * How a key went: deleted by somebody, purged or run out (the server tells both alike), missing
 * when the watch began anew, or given a value that cannot be read.
 */
export type GoneReason = 'deleted' | 'purged' | 'missing' | 'unreadable'

/** What a watch calls. None may throw. */
export interface BucketWatch<T> {
  signal: AbortSignal
  onPut(key: string, value: T, revision: number): void
  /** The key has no value any more. */
  onGone(key: string, reason: GoneReason): void
  /** All entries that were there at the start have been told. Called once. */
  onReady?(): void
}

/** A typed KV bucket. */
export interface Bucket<T> {
  get(key: string): Promise<BucketEntry<T> | undefined>
  /** Writes whatever was there before; resolves with the revision. */
  put(key: string, value: T): Promise<number>
  /** Writes only if the key has no value. @throws the client's error when it has one. */
  create(key: string, value: T): Promise<number>
  /** Writes only over `revision`. @throws the client's error when somebody was faster. */
  update(key: string, value: T, revision: number): Promise<number>
  delete(key: string): Promise<void>
  /** Watches until the signal aborts; resolves then. Never rejects. */
  watch(watch: BucketWatch<T>): Promise<void>
}

/** What {@link openBucket} needs besides the connection and the name. */
export interface BucketOptions<T> {
  /** Makes the value of its JSON. @throws whatever it likes for what is none. */
  parse: (json: unknown) => T
  log: Logger
}

/** Opens a bucket that `npm run nats:apply` made. No I/O until it is used. */
export async function openBucket<T>(
  nats: Nats,
  name: string,
  { parse, log }: BucketOptions<T>,
): Promise<Bucket<T>> {
  // Fresh option objects: the client writes into those it is given.
  const kv = await new Kvm(jetstream(nats.connection)).open(name, { allow_direct: true })
  const read = (key: string, bytes: Uint8Array): T | undefined => {
    try {
      return parse(JSON.parse(new TextDecoder().decode(bytes)))
    } catch (error) {
      log.warn({ bucket: name, key, error: String(error) }, 'entry cannot be read')
      return undefined
    }
  }
  return {
    async get(key) {
      const entry = await kv.get(key)
      if (entry?.operation !== 'PUT') return undefined
      const value = read(key, entry.value)
      return value === undefined ? undefined : { value, revision: entry.revision }
    },
    put: (key, value) => kv.put(key, JSON.stringify(value)),
    create: (key, value) => kv.create(key, JSON.stringify(value)),
    update: (key, value, revision) => kv.update(key, JSON.stringify(value), revision),
    delete: (key) => kv.delete(key),
    watch: (watch) => watchForEver(kv, { ...watch, read, log: log.child({ bucket: name }) }),
  }
}

interface Watching<T> extends BucketWatch<T> {
  read: (key: string, bytes: Uint8Array) => T | undefined
  log: Logger
}

async function watchForEver<T>(kv: KV, watching: Watching<T>): Promise<void> {
  const { signal, log } = watching
  const known = new Set<string>()
  const backoff = createBackoff(WATCH_BACKOFF)
  let isReady = false
  const onReady = (): void => {
    backoff.reset()
    if (!isReady) watching.onReady?.()
    isReady = true
  }
  while (!signal.aborted) {
    try {
      await watchOnce(kv, { ...watching, onReady }, known)
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
  watching: Watching<T> & { onReady(): void },
  known: Set<string>,
): Promise<void> {
  // The client waits 5 s for a server that went away meanwhile; an end does not.
  const entries = await untilAborted(kv.watch(), watching.signal, (late) => late.stop())
  const stop = (): void => entries.stop()
  watching.signal.addEventListener('abort', stop)
  const timer = setTimeout(stop, RECONCILE_MS)
  const seen = new Set<string>()
  let isSnapshot = true
  const endSnapshot = (): void => {
    if (!isSnapshot) return
    isSnapshot = false
    // What was known and is not there any more went while nobody watched.
    for (const key of [...known].filter((each) => !seen.has(each))) {
      gone(watching, known, key, 'missing')
    }
    watching.onReady()
  }
  try {
    // An empty bucket yields nothing that would say so.
    if ((await untilAborted(kv.status(), watching.signal)).values === 0) endSnapshot()
    for await (const entry of entries) {
      apply(watching, known, entry)
      seen.add(entry.key)
      if (entry.isUpdate) endSnapshot()
    }
  } finally {
    clearTimeout(timer)
    watching.signal.removeEventListener('abort', stop)
    stop()
  }
}

function apply<T>(watching: Watching<T>, known: Set<string>, entry: KvWatchEntry): void {
  const { key, operation, revision } = entry
  if (operation !== 'PUT') {
    return gone(watching, known, key, operation === 'DEL' ? 'deleted' : 'purged')
  }
  const value = watching.read(key, entry.value)
  if (value === undefined) return gone(watching, known, key, 'unreadable')
  known.add(key)
  watching.onPut(key, value, revision)
}

function gone<T>(watching: Watching<T>, known: Set<string>, key: string, reason: GoneReason): void {
  if (known.delete(key)) watching.onGone(key, reason)
}

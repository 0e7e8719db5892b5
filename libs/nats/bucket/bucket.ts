/**
 * A KV bucket whose values are JSON of one type: what is read is parsed, what cannot be parsed is
 * logged and left out, and a watch goes on through everything that happens to the connection.
 */
import { jetstream, JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream'
import { Kvm, type KvEntry } from '@nats-io/kv'
import type { Logger } from '#libs/log/logger.ts'
import { watchForEver, type BucketWatch } from './bucket-watch.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { REQUEST_MS } from '#libs/nats/connection/request-timeout.ts'

/** Two of the watches' periods: whoever watches sees that the key went, or does not find it anew. */
const PURGE_MARKER_TTL = '2m'

/** One entry, with the revision that an update must name. */
export interface BucketEntry<T> {
  value: T
  revision: number
}

/** A typed KV bucket. */
export interface Bucket<T> {
  /** Undefined when there is no value, and when it cannot be read: {@link has} tells them apart. */
  get(key: string): Promise<BucketEntry<T> | undefined>
  /** Whether the key has a value, one that cannot be read too. */
  has(key: string): Promise<boolean>
  /** Writes whatever was there before; resolves with the revision. */
  put(key: string, value: T): Promise<number>
  /** Writes only if the key has no value. @throws the client's error when it has one. */
  create(key: string, value: T): Promise<number>
  /** Writes only over `revision`. @throws the client's error when somebody was faster. */
  update(key: string, value: T, revision: number): Promise<number>
  delete(key: string): Promise<void>
  /**
   * Takes the key away with a marker that watchers see and that runs out by itself, so that a bucket
   * of many short entries does not fill up; the bucket must allow lifetimes of single entries. With a
   * revision it does so only over that. @throws the client's error when somebody was faster.
   */
  purge(key: string, revision?: number): Promise<void>
  /** Watches until the signal aborts; resolves then. Never rejects. */
  watch(watch: BucketWatch<T>): Promise<void>
}

/** What {@link openBucket} needs besides the connection and the name. */
export interface BucketOptions<T> {
  /** Makes the value of its JSON. @throws whatever it likes for what is none. */
  parse: (json: unknown) => T
  /** The JSON of a value, where it is kept otherwise than it is used. @throws whatever it likes. */
  format?: (value: T) => unknown
  log: Logger
}

/** Whether a write did not happen because the entry is not of the revision that it named. */
export const isOvertaken = (error: unknown): boolean =>
  error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence

/** Opens a bucket that `npm run nats:apply` made. No I/O until it is used. */
export async function openBucket<T>(
  nats: Nats,
  name: string,
  { parse, format = (value) => value, log }: BucketOptions<T>,
): Promise<Bucket<T>> {
  // Fresh option objects: the client writes into those it is given.
  const kv = await new Kvm(jetstream(nats.connection, { timeout: REQUEST_MS })).open(name, {
    allow_direct: true,
  })
  // Once for each: whoever reads it again and again has nothing new to say.
  const toldOf = new Map<string, number>()
  const read = ({ key, value, revision }: KvEntry): T | undefined => {
    try {
      const parsed = parse(JSON.parse(new TextDecoder().decode(value)))
      toldOf.delete(key)
      return parsed
    } catch (error) {
      const isTold = toldOf.get(key) === revision
      toldOf.set(key, revision)
      if (!isTold) log.warn({ bucket: name, key, error: String(error) }, 'entry cannot be read')
      return undefined
    }
  }
  const textOf = (value: T): string => JSON.stringify(format(value))
  return {
    async get(key) {
      const entry = await kv.get(key)
      if (entry?.operation !== 'PUT') return undefined
      const value = read(entry)
      return value === undefined ? undefined : { value, revision: entry.revision }
    },
    has: async (key) => (await kv.get(key))?.operation === 'PUT',
    put: async (key, value) => kv.put(key, textOf(value)),
    create: async (key, value) => kv.create(key, textOf(value)),
    update: async (key, value, revision) => kv.update(key, textOf(value), revision),
    delete: (key) => kv.delete(key),
    purge: (key, revision) =>
      kv.purge(key, {
        ttl: PURGE_MARKER_TTL,
        ...(revision !== undefined && { previousSeq: revision }),
      }),
    watch: (watch) => watchForEver(kv, { ...watch, read, log: log.child({ bucket: name }) }),
  }
}

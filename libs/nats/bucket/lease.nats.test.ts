import { jetstream } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { wait } from '#libs/retry/wait.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { openBucket, type Bucket } from './bucket.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { holdLease, watchLeases, type Leases } from './lease.ts'

/** Short, so that leases run out within a test; NATS takes no marker shorter than a second. */
const TTL_MS = 1_000

const log = createLogger('test', { level: 'silent' })
let server: TestNats
let nats: Nats
let bucketCount = 0

beforeAll(async () => {
  server = await startTestNats()
  nats = await connectNats({ url: server.urlOf('library'), name: 'test', log })
})
afterAll(async () => {
  await nats?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

/** A bucket as TALARIAS is one, with a shorter time to live. */
async function newBucket(): Promise<Bucket<string>> {
  bucketCount += 1
  const name = `LEASES_${bucketCount}`
  await new Kvm(jetstream(nats.connection)).create(name, { ttl: TTL_MS, markerTTL: TTL_MS })
  return openBucket(nats, name, { parse: String, log })
}

const watch = (bucket: Bucket<string>) => watchLeases(bucket, { ttlMs: TTL_MS, log, nats })
const hold = (bucket: Bucket<string>, key: string, value = () => key) =>
  holdLease(bucket, key, value, { ttlMs: TTL_MS, nats, log })
const keysOf = (leases: Leases<string>) => [...leases.current().keys()].toSorted()
const shows = (leases: Leases<string>, keys: string[]) =>
  eventually(() => expect(keysOf(leases)).toEqual(keys))

describe('leases', () => {
  it('are known when the watch is ready, and none when there are none', async () => {
    const bucket = await newBucket()
    await using none = await watch(bucket)
    expect(keysOf(none)).toEqual([])
    await using _a = await hold(bucket, 'a')
    await using _b = await hold(bucket, 'b')
    await using leases = await watch(bucket)
    expect(keysOf(leases)).toEqual(['a', 'b'])
    await shows(none, ['a', 'b'])
  })

  it('are renewed soon after a renewal that failed, and not a third of their time later', async () => {
    const kvm = new Kvm(jetstream(nats.connection))
    const kv = await kvm.create('LEASES_LOST')
    const bucket = await openBucket(nats, 'LEASES_LOST', { parse: String, log })
    await using lease = await holdLease(bucket, 'a', () => 'a', { ttlMs: 600_000, nats, log })
    await kv.destroy()
    await lease.renew()
    await kvm.create('LEASES_LOST')
    await eventually(async () => expect(await bucket.has('a')).toBe(true))
  })

  // The client's own time-out is 5 s: a Talaria must not take that long to end.
  it('are given up without waiting for a server that is away', { timeout: 4_000 }, async () => {
    const bucket = await newBucket()
    const lease = await hold(bucket, 'a')
    await server.server.stop('SIGKILL')
    await lease[Symbol.asyncDispose]()
    await server.server.restart()
    await eventually(() => expect(nats.isConnected).toBe(true), { withinMs: 2_500 })
  })

  it('last for as long as they are held', async () => {
    const bucket = await newBucket()
    await using leases = await watch(bucket)
    await using _lease = await hold(bucket, 'a')
    await shows(leases, ['a'])
    let changeCount = 0
    leases.onChange(() => (changeCount += 1))
    // Time itself is what is looked at here.
    await wait(2.5 * TTL_MS)
    expect(keysOf(leases)).toEqual(['a'])
    expect(leases.isStale).toBe(false)
    expect(changeCount).toBe(0)
  })

  it('are gone at once when given up, the last one too', async () => {
    const bucket = await newBucket()
    await using leases = await watch(bucket)
    const lease = await hold(bucket, 'a')
    await shows(leases, ['a'])
    await lease[Symbol.asyncDispose]()
    await eventually(() => expect(keysOf(leases)).toEqual([]), { withinMs: TTL_MS / 2 })
  })

  it('are told again when their value changes', async () => {
    const bucket = await newBucket()
    await using leases = await watch(bucket)
    let value = 'one'
    await using lease = await hold(bucket, 'a', () => value)
    await eventually(() => expect(leases.current().get('a')).toBe('one'))
    const { promise: told, resolve } = Promise.withResolvers<string | undefined>()
    leases.onChange((current) => resolve(current.get('a')))
    value = 'two'
    await lease.renew()
    expect(await told).toBe('two')
  })

  it('run out when nobody renews them, while others go on', async () => {
    const bucket = await newBucket()
    await using leases = await watch(bucket)
    await using _lease = await hold(bucket, 'a')
    await bucket.put('crashed', 'b')
    await shows(leases, ['a', 'crashed'])
    await shows(leases, ['a'])
    expect(leases.isStale).toBe(false)
  })

  it('are kept when all ran out at once, as our own view is the likely cause', async () => {
    const bucket = await newBucket()
    await using leases = await watch(bucket)
    await bucket.put('a', 'a')
    await bucket.put('b', 'b')
    await shows(leases, ['a', 'b'])
    await eventually(() => expect(leases.isStale).toBe(true))
    expect(keysOf(leases)).toEqual(['a', 'b'])
    await using _lease = await hold(bucket, 'c')
    await shows(leases, ['c'])
    expect(leases.isStale).toBe(false)
  })

  it('stay while NATS is away for longer than they last, and go on when it is back', async () => {
    const bucket = await newBucket()
    await using leases = await watch(bucket)
    await using _a = await hold(bucket, 'a')
    await bucket.put('crashed', 'b')
    await shows(leases, ['a', 'crashed'])
    let isEverEmpty = false
    leases.onChange((current) => (isEverEmpty ||= current.size === 0))
    await server.server.stop('SIGKILL')
    await eventually(() => expect(leases.isStale).toBe(true))
    // The outage must outlast the leases.
    await wait(2 * TTL_MS)
    expect(keysOf(leases)).toEqual(['a', 'crashed'])
    await server.server.restart()
    await shows(leases, ['a'])
    await eventually(() => expect(leases.isStale).toBe(false))
    await using _new = await hold(bucket, 'new')
    await shows(leases, ['a', 'new'])
    expect(isEverEmpty).toBe(false)
  })
})

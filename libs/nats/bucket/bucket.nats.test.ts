import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { openBucket, type Bucket } from './bucket.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'

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

function parseNumber(json: unknown): number {
  if (typeof json !== 'number') throw new TypeError('no number')
  return json
}

/** A fresh bucket of numbers, and the same bucket for who writes what is none. */
async function newBucket(): Promise<{
  name: string
  bucket: Bucket<number>
  raw: Bucket<unknown>
}> {
  bucketCount += 1
  const name = `NUMBERS_${bucketCount}`
  await new Kvm(jetstream(nats.connection)).create(name)
  return {
    name,
    bucket: await openBucket(nats, name, { parse: parseNumber, log }),
    raw: await openBucket(nats, name, { parse: (json) => json, log }),
  }
}

/** Watches until disposed and keeps what it is told. */
async function startWatch(bucket: Bucket<number>) {
  const ending = new AbortController()
  const values = new Map<string, number>()
  const told: string[] = []
  const { promise: ready, resolve: onReady } = Promise.withResolvers<void>()
  const watching = bucket.watch({
    signal: ending.signal,
    onPut(key, value) {
      values.set(key, value)
      told.push(`put ${key}`)
    },
    onGone(key, reason) {
      values.delete(key)
      told.push(`${reason} ${key}`)
    },
    onReplaced: () => told.push('another bucket'),
    onReady,
  })
  await ready
  return {
    values,
    told,
    async [Symbol.asyncDispose]() {
      ending.abort()
      await watching
    },
  }
}

describe('a bucket', () => {
  it('gives back what was put, with the revision that an update must name', async () => {
    const { bucket } = await newBucket()
    expect(await bucket.get('a')).toBeUndefined()
    const revision = await bucket.create('a', 1)
    expect(await bucket.get('a')).toEqual({ value: 1, revision })
    await expect(bucket.create('a', 2)).rejects.toThrow()
    const next = await bucket.update('a', 3, revision)
    await expect(bucket.update('a', 4, revision)).rejects.toThrow()
    expect(await bucket.get('a')).toEqual({ value: 3, revision: next })
    await bucket.delete('a')
    expect(await bucket.get('a')).toBeUndefined()
  })

  it('gives nothing of what cannot be read, and tells it from what is absent', async () => {
    const { bucket, raw } = await newBucket()
    await raw.put('a', 'one')
    expect(await bucket.get('a')).toBeUndefined()
    expect(await bucket.has('a')).toBe(true)
    expect(await bucket.has('b')).toBe(false)
    await bucket.delete('a')
    expect(await bucket.has('a')).toBe(false)
  })
})

describe('a watch', () => {
  it('is ready when all that was there is told, and at once for an empty bucket', async () => {
    const { bucket } = await newBucket()
    await using empty = await startWatch(bucket)
    expect(empty.values.size).toBe(0)
    for (let index = 0; index < 20; index += 1) await bucket.put(`k${index}`, index)
    await using full = await startWatch(bucket)
    expect(full.values.size).toBe(20)
    await eventually(() => expect(empty.values.size).toBe(20))
  })

  it('is ready for a bucket in which all was deleted', async () => {
    const { bucket } = await newBucket()
    await bucket.put('a', 1)
    await bucket.delete('a')
    await using watch = await startWatch(bucket)
    expect(watch.told).toEqual([])
  })

  it('tells a deletion once, and a new value afterwards', async () => {
    const { bucket } = await newBucket()
    await using watch = await startWatch(bucket)
    await bucket.put('a', 1)
    await bucket.delete('a')
    await bucket.delete('a')
    await bucket.put('a', 2)
    await eventually(() => expect(watch.told).toEqual(['put a', 'deleted a', 'put a']))
  })

  it('takes a value that cannot be read for none, and goes on', async () => {
    const { bucket, raw } = await newBucket()
    await using watch = await startWatch(bucket)
    await bucket.put('a', 1)
    await raw.put('a', 'one')
    await raw.put('b', 'two')
    await bucket.put('c', 3)
    await eventually(() =>
      expect(watch.told).toEqual(['put a', 'unreadable a', 'unreadable b', 'put c']),
    )
    await bucket.delete('b')
    await eventually(() => expect(watch.told.at(-1)).toBe('deleted b'))
  })

  it('goes on with a bucket that was lost and made anew, and says what is missing in it', async () => {
    const { bucket, name } = await newBucket()
    await bucket.put('a', 1)
    await bucket.put('b', 2)
    await using watch = await startWatch(bucket)
    const manager = await jetstreamManager(nats.connection)
    await manager.streams.delete(`KV_${name}`)
    await new Kvm(jetstream(nats.connection)).create(name)
    await bucket.put('b', 3)
    await eventually(
      () => expect(watch.told).toEqual(['put a', 'put b', 'another bucket', 'put b', 'missing a']),
      { withinMs: 10_000 },
    )
    await bucket.put('c', 4)
    await eventually(() => expect(watch.told.at(-1)).toBe('put c'))
  })

  it('goes on after NATS was killed and came back', async () => {
    const { bucket } = await newBucket()
    await bucket.put('a', 1)
    await using watch = await startWatch(bucket)
    await server.server.stop('SIGKILL')
    await eventually(() => expect(nats.isConnected).toBe(false))
    expect([...watch.values]).toEqual([['a', 1]])
    await server.server.restart()
    await eventually(() => bucket.put('b', 2), { withinMs: 10_000 })
    await bucket.delete('a')
    await eventually(() => expect([...watch.values]).toEqual([['b', 2]]), { withinMs: 15_000 })
  })

  it('ends when it is told to, also while NATS is away', async () => {
    const { bucket } = await newBucket()
    const watch = await startWatch(bucket)
    await server.server.stop('SIGKILL')
    await watch[Symbol.asyncDispose]()
    await server.server.restart()
    await eventually(() => expect(nats.isConnected).toBe(true))
  })
})

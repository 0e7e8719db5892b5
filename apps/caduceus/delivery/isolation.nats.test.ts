import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  metricOf,
  postHook,
  startCaduceusBench,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver } from '#tests/support/receiver.ts'

let bench: CaduceusBench

beforeEach(async () => {
  bench = await startCaduceusBench()
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
})

describe('a receiver that does not answer', () => {
  it('delays no other receiver', async () => {
    await using caduceus = await bench.startCaduceus({
      CADUCEUS_CONCURRENCY: '4',
      CADUCEUS_ATTEMPT_MS: '3000',
    })
    await using slow = await startReceiver({ respond: () => new Promise(() => undefined) })
    await using fast = await startReceiver()
    await postHook(caduceus, { config: { url: slow.url } })
    await postHook(caduceus, { config: { url: fast.url } })
    const startedAt = performance.now()
    const published = await Promise.all(Array.from({ length: 50 }, () => bench.publish()))
    await eventually(() => expect(fast.received).toHaveLength(published.length))
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    // The slow one has no more than its share, and everything else waits in the stream.
    expect(slow.received.length).toBeLessThanOrEqual(4)
  })
})

describe('a receiver that falls behind', () => {
  it('gets every event all the same, and its owner is told once', async () => {
    await using caduceus = await bench.startCaduceus({
      CADUCEUS_CONCURRENCY: '1',
      CADUCEUS_BACKLOG_MAX: '5',
    })
    const released = Promise.withResolvers<void>()
    await using receiver = await startReceiver({
      respond: () => released.promise.then(() => ({ status: 200 })),
    })
    await using owner = await startReceiver()
    const config = { url: receiver.url, secret: 'secret' }
    await postHook(caduceus, { config, failure_url: owner.url })
    const published = await Promise.all(Array.from({ length: 20 }, () => bench.publish()))
    released.resolve()
    await eventually(() => {
      const ids = receiver.received.map(({ headers }) => headers['webhook-id'])
      expect(new Set(ids)).toEqual(new Set(published.map(({ id }) => id)))
    })
    const { body } = await owner.next()
    expect(JSON.parse(body.toString())).toMatchObject({
      text: expect.any(String),
      webhook_registration: { PartnerIDs: ['*'], Webhook: { config: { secret: 'XxxxxX' } } },
      queue_size: 5,
      worker_count: 1,
    })
    expect(owner.received).toHaveLength(1)
    expect(
      await metricOf(caduceus, 'xmidt_caduceus_webhook_cut_offs_total{reason="backlog"}'),
    ).toBe(1)
  })
})

describe('an acknowledged event', () => {
  it('is delivered although nats-server is killed and comes back', async () => {
    await using caduceus = await bench.startCaduceus({
      CADUCEUS_RETRY_DELAYS_MS: '500,500,500,500,500,500',
      CADUCEUS_ATTEMPT_MS: '1000',
    })
    await using receiver = await startReceiver({ respond: () => ({ status: 503 }) })
    await postHook(caduceus, { config: { url: receiver.url } })
    const published = await Promise.all(Array.from({ length: 10 }, () => bench.publish()))
    await receiver.next()
    await bench.nats.server.stop('SIGKILL')
    receiver.setBehaviour(() => ({ status: 200 }))
    const before = receiver.received.length
    await bench.nats.server.restart()
    await eventually(
      () => {
        const ids = receiver.received.slice(before).map(({ headers }) => headers['webhook-id'])
        expect(new Set(ids)).toEqual(new Set(published.map(({ id }) => id)))
      },
      { withinMs: 15_000 },
    )
  })

  it('is delivered although Caduceus is killed with it in hand', async () => {
    await using receiver = await startReceiver({ respond: () => new Promise(() => undefined) })
    const environment = {
      NATS_URL: bench.nats.urlOf('caduceus'),
      CADUCEUS_PORT: '0',
      CADUCEUS_OPERATIONS_PORT: '0',
      CADUCEUS_ATTEMPT_MS: '1000',
      CADUCEUS_ADDRESSES_ALLOWED: '127.0.0.0/8',
    }
    {
      await using caduceus = await bench.startCaduceus(environment)
      await postHook(caduceus, { config: { url: receiver.url } })
    }
    const killed = spawn(process.execPath, ['apps/caduceus/main.ts'], {
      env: { ...process.env, ...environment },
      stdio: 'ignore',
    })
    const exited = once(killed, 'exit')
    const published = await Promise.all(Array.from({ length: 10 }, () => bench.publish()))
    await receiver.next(undefined, { withinMs: 10_000 })
    killed.kill('SIGKILL')
    await exited
    const before = receiver.received.length
    receiver.setBehaviour(() => ({ status: 200 }))
    await using _ = await bench.startCaduceus(environment)
    await eventually(
      () => {
        const ids = receiver.received.slice(before).map(({ headers }) => headers['webhook-id'])
        expect(new Set(ids)).toEqual(new Set(published.map(({ id }) => id)))
      },
      { withinMs: 10_000 },
    )
  })
})

describe('what retention takes before its delivery', () => {
  it('is counted exactly', async () => {
    await using receiver = await startReceiver()
    {
      await using caduceus = await bench.startCaduceus()
      await postHook(caduceus, { config: { url: receiver.url } })
      await bench.publish()
      await receiver.next()
    }
    await Promise.all(Array.from({ length: 30 }, () => bench.publish()))
    await bench.provisioner.streams.update('EVENTS', { max_msgs: 10 })
    await using caduceus = await bench.startCaduceus()
    await eventually(() => expect(receiver.received).toHaveLength(11))
    const line = 'xmidt_caduceus_events_dropped_total{reason="retention"}'
    expect(await metricOf(caduceus, line)).toBe(20)
  })
})

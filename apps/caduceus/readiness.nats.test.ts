import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import {
  metricOf,
  ownedIdOf,
  postHook,
  startCaduceusBench,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { keepLogLines } from '#tests/support/log-lines.ts'
import { startReceiver } from '#tests/support/receiver.ts'
import { durableOf } from './consumers/durable/durable-name.ts'

let bench: CaduceusBench
beforeAll(async () => {
  bench = await startCaduceusBench()
})
afterAll(() => bench?.[Symbol.asyncDispose]())

async function readinessOf(app: App): Promise<{ status: number; checks: Record<string, string> }> {
  const response = await fetch(`${app.operationsUrl}/readyz`)
  const { checks } = (await response.json()) as { checks: Record<string, string> }
  return { status: response.status, checks }
}

describe('a Caduceus', () => {
  it('without keys is not ready where a token is the only way in', async () => {
    const CADUCEUS_JWKS_URL = 'http://127.0.0.1:1/'
    const none = { CADUCEUS_JWKS_URL, CADUCEUS_BASIC_CREDENTIALS: '' }
    await using closed = await bench.startCaduceus(none)
    expect((await readinessOf(closed)).status).toBe(503)
    await using caduceus = await bench.startCaduceus({ CADUCEUS_JWKS_URL })
    expect((await readinessOf(caduceus)).status).toBe(200)
    expect(await metricOf(caduceus, 'xmidt_caduceus_keys_available')).toBe(0)
  })

  it('that misses a stream is not ready, says which, and goes on when it is back', async () => {
    await using caduceus = await bench.startCaduceus()
    await bench.nats.lose('DEAD_LETTERS')
    const missing = 'xmidt_caduceus_stream_missing{stream="DEAD_LETTERS"}'
    await eventually(
      async () => {
        const { status, checks } = await readinessOf(caduceus)
        expect(status).toBe(503)
        expect(checks.stream).toContain('DEAD_LETTERS')
        expect(await metricOf(caduceus, missing)).toBe(1)
      },
      { withinMs: 15_000 },
    )
    await bench.nats.apply()
    await eventually(async () => expect((await readinessOf(caduceus)).status).toBe(200), {
      withinMs: 15_000,
    })
  })

  it('without EVENTS_LOW is ready, says it once, and promises what it promised', async () => {
    const { lines, loggerOf } = keepLogLines()
    const told = () =>
      lines
        .filter(({ msg }) => msg.startsWith('stream is '))
        .map(({ msg, stream }) => [msg, stream])
    await using receiver = await startReceiver()
    const received = () => receiver.received.map(({ headers }) => String(headers['webhook-id']))
    const LOOKING = { CADUCEUS_LOOK_MS: '50' }
    await using running = await bench.startCaduceus(LOOKING, loggerOf('caduceus'))
    await bench.nats.lose('EVENTS_LOW')
    const missing = 'xmidt_caduceus_stream_missing{stream="EVENTS_LOW"}'
    await eventually(async () => expect(await metricOf(running, missing)).toBe(1), {
      withinMs: 15_000,
    })
    // One that is started now is no worse off, and says it from its start.
    await using started = await bench.startCaduceus(LOOKING)
    expect(await metricOf(started, missing)).toBe(1)
    for (const each of [running, started]) expect((await readinessOf(each)).status).toBe(200)
    for (const duration of ['5m', '10m']) {
      const { status } = await postHook(started, { config: { url: receiver.url }, duration })
      expect(status).toBe(200)
    }
    const { id } = await bench.publish({ qos: 75 })
    await eventually(() => expect(received()).toContain(id))
    const dead = `xmidt_caduceus_webhook_events{webhook="${ownedIdOf(receiver.url)}",state="matched"}`
    await eventually(async () =>
      expect((await metricOf(running, dead)) + (await metricOf(started, dead))).toBe(1),
    )

    await bench.nats.apply()
    const low = await bench.publish({ qos: 0 })
    await eventually(() => expect(received()).toContain(low.id), { withinMs: 20_000 })
    await eventually(async () => expect(await metricOf(running, missing)).toBe(0), {
      withinMs: 15_000,
    })
    expect(told()).toEqual([
      ['stream is missing: "npm run nats:apply" makes it', 'EVENTS_LOW'],
      ['stream is there again', 'EVENTS_LOW'],
    ])
    expect(lines.filter(({ msg }) => msg === 'look failed')).toEqual([])
  }, 60_000)

  it('without EVENTS_LOW ends a webhook that has run out', async () => {
    await using receiver = await startReceiver()
    const environment = { CADUCEUS_SWEEP_MS: '50', CADUCEUS_EXPIRED_GRACE_MS: '0' }
    await using caduceus = await bench.startCaduceus(environment)
    await bench.nats.lose('EVENTS_LOW')
    await postHook(caduceus, { config: { url: receiver.url }, duration: '1s' })
    const name = durableOf(ownedIdOf(receiver.url))
    await eventually(
      () => expect(bench.manager.consumers.info('EVENTS', name)).rejects.toThrow('not found'),
      { withinMs: 15_000 },
    )
    await bench.nats.apply()
  })
})

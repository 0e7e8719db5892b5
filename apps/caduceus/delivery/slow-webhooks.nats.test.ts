import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import {
  metricOf,
  ownedIdOf,
  postHook,
  startCaduceusBench,
  STRANGER,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'

const TARPITS = 40
const EVENT_BYTES = 900_000
const EVENTS = 12

let bench: CaduceusBench
let tarpit: Server
beforeEach(async () => {
  bench = await startCaduceusBench()
  // Takes a request and never answers.
  tarpit = createServer((request) => request.resume())
  await new Promise<void>((resolve) => tarpit.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  tarpit.closeAllConnections()
  tarpit.close()
  await bench[Symbol.asyncDispose]()
})

/** The median of how long an event takes to a receiver, in milliseconds, one after the other. */
async function latencyOf(receiver: Receiver, onEach: () => Promise<void>): Promise<number> {
  const times: number[] = []
  for (let index = 0; index < EVENTS; index += 1) {
    const startedAtMs = performance.now()
    const { id } = await bench.publish({ payload: new Uint8Array(EVENT_BYTES) })
    await receiver.next(({ headers }) => headers['webhook-id'] === id, { withinMs: 30_000 })
    times.push(performance.now() - startedAtMs)
    await onEach()
  }
  return times.toSorted((one, other) => one - other)[Math.floor(EVENTS / 2)] ?? 0
}

async function pendingOf(caduceus: App): Promise<number> {
  const page = await (await fetch(`${caduceus.operationsUrl}/metrics`)).text()
  const lines = page.matchAll(/^xmidt_caduceus_webhook_events\{.*state="pending"\} (\d+)$/gm)
  return [...lines].reduce((sum, [, value]) => sum + Number(value), 0)
}

describe('forty receivers that hang, and events of 0.9 MB', () => {
  it('take neither time from another owner nor memory without a bound', async () => {
    const most = 48 * 1_024 * 1_024
    await using caduceus = await bench.startCaduceus({
      CADUCEUS_ATTEMPT_MS: '10000',
      CADUCEUS_LOOK_MS: '100',
      CADUCEUS_IN_HAND_BYTES_MAX: String(most),
    })
    await using healthy = await startReceiver()
    await postHook(caduceus, { config: { url: healthy.url } })
    const alone = await latencyOf(healthy, () => Promise.resolve())

    const { port } = tarpit.address() as AddressInfo
    const registered = await Promise.all(
      Array.from({ length: TARPITS }, (_, index) => {
        const config = { url: `http://127.0.0.1:${port}/${index}` }
        return postHook(caduceus, { config }, { authorization: STRANGER })
      }),
    )
    expect(registered.every(({ ok }) => ok)).toBe(true)
    let pendingMost = 0
    let lentMost = 0
    const beside = await latencyOf(healthy, async () => {
      pendingMost = Math.max(pendingMost, await pendingOf(caduceus))
      lentMost = Math.max(lentMost, await metricOf(caduceus, 'xmidt_caduceus_event_bytes_lent'))
    })
    expect(beside).toBeLessThan(5 * alone + 500)
    expect(lentMost).toBeGreaterThan(0)
    expect(pendingMost * EVENT_BYTES).toBeLessThan(most)
    const line = `xmidt_caduceus_webhook_events{webhook="${ownedIdOf(healthy.url)}",state="delivered"}`
    expect(await metricOf(caduceus, line)).toBe(2 * EVENTS)
    expect(await metricOf(caduceus, 'xmidt_caduceus_nats_connected{connection="caduceus"}')).toBe(1)
  }, 120_000)
})

describe('a webhook that only fails', () => {
  it('gets fewer deliveries at once, down to one, and all of them back when it succeeds', async () => {
    await using caduceus = await bench.startCaduceus({
      CADUCEUS_CONCURRENCY: '8',
      CADUCEUS_RETRY_DELAYS_MS: Array.from({ length: 20 }, () => 50).join(','),
    })
    let atOnce = 0
    let atOnceMost = 0
    let status = 503
    let isHeld = false
    const held = Promise.withResolvers<void>()
    await using receiver = await startReceiver({
      respond: async () => {
        atOnceMost = Math.max(atOnceMost, (atOnce += 1))
        if (isHeld) await held.promise
        await new Promise(setImmediate)
        atOnce -= 1
        return { status }
      },
    })
    await postHook(caduceus, { config: { url: receiver.url } })
    await Promise.all(Array.from({ length: 30 }, () => bench.publish()))
    // 8, then 4, 2 and 1 fail.
    await eventually(() => expect(receiver.received.length).toBeGreaterThan(40))
    expect(await metricOf(caduceus, 'xmidt_caduceus_webhooks_failing')).toBe(1)
    atOnceMost = 0
    const before = receiver.received.length
    await eventually(() => expect(receiver.received.length).toBeGreaterThan(before + 20))
    expect(atOnceMost).toBe(1)
    status = 200
    const settled = `xmidt_caduceus_webhook_events{webhook="${ownedIdOf(receiver.url)}",state="delivered"}`
    await eventually(async () => expect(await metricOf(caduceus, settled)).toBe(30))
    expect(await metricOf(caduceus, 'xmidt_caduceus_webhooks_failing')).toBe(0)
    isHeld = true
    await Promise.all(Array.from({ length: 8 }, () => bench.publish()))
    await eventually(() => expect(atOnce).toBe(8))
    held.resolve()
  })
})

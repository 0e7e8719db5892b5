import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { EVENT_STREAMS } from '#libs/nats/stream/event-streams.ts'
import {
  metricOf,
  ownedIdOf,
  postHook,
  startCaduceusBench,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'
import { durableOf } from './durable/durable-name.ts'

let bench: CaduceusBench
let receiver: Receiver

beforeEach(async () => {
  bench = await startCaduceusBench()
  receiver = await startReceiver()
})
afterEach(async () => {
  await receiver[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const withinMs = 15_000

/** Some events of one qos; with their ids. */
async function publish(qos: number, count: number, bytes = 10): Promise<string[]> {
  const payload = new Uint8Array(bytes).map((_, index) => (index * 7_919) % 251)
  const all = Array.from({ length: count }, () => bench.publish({ qos, payload }))
  return (await Promise.all(all)).map(({ id }) => id)
}

const received = (): string[] =>
  receiver.received.map(({ headers }) => String(headers['webhook-id']))

const consumersOf = async (stream: string): Promise<string[]> => {
  const found: string[] = []
  for await (const { name } of bench.manager.consumers.list(stream)) found.push(name)
  return found
}

const consumerOf = (stream: string) =>
  bench.manager.consumers.info(stream, durableOf(ownedIdOf(receiver.url)))

const isSettled = (): Promise<void> =>
  eventually(
    async () => {
      for (const stream of EVENT_STREAMS) {
        const { num_pending: pending, num_ack_pending: unacked } = await consumerOf(stream)
        expect({ stream, pending, unacked }).toEqual({ stream, pending: 0, unacked: 0 })
      }
    },
    { withinMs },
  )

const stateOf = (caduceus: App, state: string): Promise<number> =>
  metricOf(
    caduceus,
    `xmidt_caduceus_webhook_events{webhook="${ownedIdOf(receiver.url)}",state="${state}"}`,
  )

const droppedBy = (caduceus: App, reason: string): Promise<number> =>
  metricOf(caduceus, `xmidt_caduceus_events_dropped_total{reason="${reason}"}`)

const LOOKING = { CADUCEUS_LOOK_MS: '50' }

describe('a webhook', () => {
  it.each([
    ['every event', ['.*']],
    ['the events of a filter', ['^device-status/']],
  ])('of %s gets those of low qos as well, once each', async (_, events) => {
    await publish(0, 3)
    await using caduceus = await bench.startCaduceus(LOOKING)
    expect((await postHook(caduceus, { config: { url: receiver.url }, events })).status).toBe(200)
    const all = [...(await publish(0, 20)), ...(await publish(75, 20)), ...(await publish(24, 5))]
    await eventually(() => expect(received().toSorted()).toEqual(all.toSorted()))
    await isSettled()
    await eventually(async () => expect(await stateOf(caduceus, 'delivered')).toBe(45))
    expect(await stateOf(caduceus, 'matched')).toBe(45)
  })

  it('has no more deliveries at once by having two streams', async () => {
    await using caduceus = await bench.startCaduceus({ CADUCEUS_CONCURRENCY: '4' })
    let open = 0
    let most = 0
    const released = Promise.withResolvers<void>()
    receiver.setBehaviour(async () => {
      open += 1
      most = Math.max(most, open)
      await released.promise
      open -= 1
      return { status: 200 }
    })
    await postHook(caduceus, { config: { url: receiver.url } })
    const all = [...(await publish(0, 12)), ...(await publish(75, 12))]
    await eventually(async () => {
      for (const stream of EVENT_STREAMS) {
        const { num_ack_pending: inHand } = await consumerOf(stream)
        // Its half at least, and never more than the webhook has places.
        expect(inHand).toBeGreaterThanOrEqual(2)
        expect(inHand).toBeLessThanOrEqual(4)
      }
    })
    await eventually(() => expect(receiver.received).toHaveLength(4))
    released.resolve()
    await eventually(() => expect(received().toSorted()).toEqual(all.toSorted()))
    expect(most).toBe(4)
  })

  it('has the failed attempts of each stream apart, whose sequences are alike', async () => {
    await using caduceus = await bench.startCaduceus(LOOKING)
    receiver.setBehaviour(() => ({ status: 500 }))
    await postHook(caduceus, { config: { url: receiver.url } })
    const ids = [...(await publish(0, 2)), ...(await publish(75, 2))]
    await eventually(async () => expect(await stateOf(caduceus, 'dead')).toBe(4), { withinMs })
    for (const id of ids) expect(received().filter((each) => each === id)).toHaveLength(4)
    const deadLetters = `xmidt_caduceus_webhook_dead_letters{webhook="${ownedIdOf(receiver.url)}"}`
    await eventually(async () => expect(await metricOf(caduceus, deadLetters)).toBe(4))
    expect(await stateOf(caduceus, 'matched')).toBe(4)
  })

  it('that ends leaves no consumer in either stream, and what both owed is counted', async () => {
    const environment = {
      CADUCEUS_SWEEP_MS: '50',
      CADUCEUS_EXPIRED_GRACE_MS: '0',
      CADUCEUS_ATTEMPT_MS: '3000',
    }
    await using caduceus = await bench.startCaduceus(environment)
    receiver.setBehaviour(() => new Promise(() => undefined))
    await postHook(caduceus, { config: { url: receiver.url }, duration: '2s' })
    await Promise.all([publish(0, 3), publish(75, 3)])
    for (const stream of EVENT_STREAMS) {
      await eventually(async () => expect(await consumersOf(stream)).toEqual([]), { withinMs })
    }
    // Counted once both are gone.
    await eventually(async () => expect(await droppedBy(caduceus, 'expired')).toBe(6))
  })
})

describe('a flood of events of low qos', () => {
  it.each([1, 2])(
    'takes nothing that was acknowledged, and what it takes is told by %i',
    async (count) => {
      await using stack = new AsyncDisposableStack()
      const instances: App[] = []
      const environment = { ...LOOKING, CADUCEUS_CONCURRENCY: '4' }
      for (let index = 0; index < count; index += 1) {
        instances.push(stack.use(await bench.startCaduceus(environment)))
      }
      const sumOf = async (ask: (caduceus: App) => Promise<number>): Promise<number> =>
        (await Promise.all(instances.map(ask))).reduce((sum, each) => sum + each, 0)
      for (const stream of EVENT_STREAMS) {
        await bench.provisioner.streams.update(stream, { max_bytes: 1_024 * 1_024 })
      }
      const released = Promise.withResolvers<void>()
      receiver.setBehaviour(() => released.promise.then(() => ({ status: 200 })))
      await postHook(instances[0]!, { config: { url: receiver.url } })
      const promised = await publish(25, 40)
      const flood: string[] = []
      // Half of the cap at a time; more than can be in hand is taken before its turn.
      for (let round = 0; round < 20; round += 1) flood.push(...(await publish(0, 10, 50_000)))
      const { state } = await bench.manager.streams.info('EVENTS_LOW')
      expect(state.messages).toBeLessThan(flood.length / 2)
      released.resolve()
      await isSettled()
      expect(promised.filter((id) => !received().includes(id))).toEqual([])
      const come = new Set(received().filter((id) => flood.includes(id)))
      const lost = flood.length - come.size
      expect(lost).toBeGreaterThan(0)
      await eventually(async () =>
        expect(await sumOf((each) => droppedBy(each, 'retention-low'))).toBe(lost),
      )
      expect(await sumOf((each) => droppedBy(each, 'retention'))).toBe(0)
      await eventually(async () => {
        expect(await sumOf((each) => stateOf(each, 'expired'))).toBe(lost)
        expect(await sumOf((each) => stateOf(each, 'matched'))).toBe(240)
      })
    },
  )
})

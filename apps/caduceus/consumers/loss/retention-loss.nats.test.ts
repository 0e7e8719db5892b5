import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import {
  metricOf,
  ownedIdOf,
  postHook,
  startCaduceusBench,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'
import { durableOf } from '#apps/caduceus/consumers/durable/durable-name.ts'

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

const ENVIRONMENT = {
  CADUCEUS_LOOK_MS: '50',
  CADUCEUS_ATTEMPT_MS: '300',
  CADUCEUS_CONCURRENCY: '4',
}

/** Nothing else says that nothing was told: ten of the looks. */
const LOOKS_MS = 500

const DROPPED = 'xmidt_caduceus_events_dropped_total{reason="retention"}'

/** What all of them told together. */
async function toldBy(...instances: App[]): Promise<number> {
  const counts = await Promise.all(instances.map((each) => metricOf(each, DROPPED)))
  return counts.reduce((sum, count) => sum + count, 0)
}

const webhookEvents = (caduceus: App, state: string): Promise<number> =>
  metricOf(
    caduceus,
    `xmidt_caduceus_webhook_events{webhook="${ownedIdOf(receiver.url)}",state="${state}"}`,
  )

const publish = (count: number, dest?: string) =>
  Promise.all(Array.from({ length: count }, () => bench.publish(dest ? { dest } : {})))

const purge = (): Promise<unknown> => bench.provisioner.streams.purge('EVENTS')

const consumer = () => bench.manager.consumers.info('EVENTS', durableOf(ownedIdOf(receiver.url)))

/** Different events that came. */
const receivedIds = () => new Set(receiver.received.map(({ headers }) => headers['webhook-id']))

/** Some looks of every instance later: what would be told was told. */
async function looks(): Promise<void> {
  const from = performance.now()
  await eventually(() => expect(performance.now() - from).toBeGreaterThan(LOOKS_MS))
}

const isSettled = (): Promise<void> =>
  eventually(
    async () => {
      const { num_pending: pending, num_ack_pending: unacked } = await consumer()
      expect({ pending, unacked }).toEqual({ pending: 0, unacked: 0 })
    },
    { withinMs: 15_000 },
  )

const OTHER = 'event:other/mac:112233445566'

describe.each([
  ['every event', ['.*']],
  ['the events of a filter', ['^device-status/']],
])('a webhook of %s', (_, events) => {
  const isFiltered = events[0] !== '.*'

  /** Twenty that are meant for it, and with a filter as many that are not. */
  const publishSome = async (count: number): Promise<number> => {
    await Promise.all([publish(count), isFiltered ? publish(count, OTHER) : []])
    return count
  }

  it('is told nothing when nothing was lost, whatever was removed', async () => {
    await using one = await bench.startCaduceus(ENVIRONMENT)
    await using other = await bench.startCaduceus(ENVIRONMENT)
    receiver.setBehaviour(({ headers }, index) => ({
      status: index % 3 === 0 && headers['webhook-id'] ? 500 : 200,
    }))
    await postHook(one, { config: { url: receiver.url }, events })
    for (let round = 0; round < 3; round += 1) {
      await publishSome(40)
      await eventually(() => expect(receivedIds().size).toBe((round + 1) * 40))
      await isSettled()
      await purge()
      await looks()
    }
    expect(await toldBy(one, other)).toBe(0)
    expect(receivedIds().size).toBe(120)
  })

  it('is told what was removed while nobody ran', async () => {
    {
      await using caduceus = await bench.startCaduceus(ENVIRONMENT)
      await postHook(caduceus, { config: { url: receiver.url }, events })
      await publishSome(20)
      await eventually(() => expect(receivedIds().size).toBe(20))
      await isSettled()
      receiver.setBehaviour(() => new Promise(() => undefined))
      await publishSome(30)
      await eventually(async () => expect((await consumer()).num_ack_pending).toBeGreaterThan(0))
    }
    receiver.setBehaviour(() => ({ status: 200 }))
    await purge()
    const before = receivedIds().size
    await using one = await bench.startCaduceus(ENVIRONMENT)
    await using other = await bench.startCaduceus(ENVIRONMENT)
    await eventually(async () => expect(await toldBy(one, other)).toBe(30))
    await publishSome(10)
    await eventually(() => expect(receivedIds().size).toBe(before + 10))
    await looks()
    expect(await toldBy(one, other)).toBe(30)
    expect(receivedIds().size).toBe(before + 10)
  })

  it.each([1, 2])('is told once what was removed before its turn, by %i', async (count) => {
    await using stack = new AsyncDisposableStack()
    // Long enough for whatever is in hand to be taken in the end.
    const environment = { ...ENVIRONMENT, CADUCEUS_ATTEMPT_MS: '10000' }
    const instances: App[] = []
    for (let index = 0; index < count; index += 1) {
      instances.push(stack.use(await bench.startCaduceus(environment)))
    }
    const released = Promise.withResolvers<void>()
    receiver.setBehaviour(() => released.promise.then(() => ({ status: 200 })))
    await postHook(instances[0]!, { config: { url: receiver.url }, events })
    await publishSome(100)
    await eventually(() => expect(receivedIds().size).toBeGreaterThanOrEqual(4 * count))
    await looks()
    await bench.provisioner.streams.update('EVENTS', { max_msgs: 20 })
    released.resolve()
    await isSettled()
    await eventually(async () => {
      expect((await toldBy(...instances)) + receivedIds().size).toBe(100)
    })
    await looks()
    expect((await toldBy(...instances)) + receivedIds().size).toBe(100)
  })
})

describe('events that wait for a retry', () => {
  it('are told once when they are removed before it', async () => {
    const environment = { ...ENVIRONMENT, CADUCEUS_RETRY_DELAYS_MS: '3600000' }
    receiver.setBehaviour(() => ({ status: 500 }))
    await using one = await bench.startCaduceus(environment)
    await using other = await bench.startCaduceus(environment)
    await postHook(one, { config: { url: receiver.url } })
    await publish(12)
    await eventually(async () => {
      expect(await webhookEvents(one, 'waiting')).toBe(12)
      expect(await webhookEvents(other, 'waiting')).toBe(12)
    })
    await purge()
    await eventually(async () => expect(await toldBy(one, other)).toBe(12))
    await looks()
    expect(await toldBy(one, other)).toBe(12)
    expect(await webhookEvents(one, 'waiting')).toBe(0)
  })

  it('are told by the next Caduceus when nobody ran meanwhile', async () => {
    const environment = { ...ENVIRONMENT, CADUCEUS_RETRY_DELAYS_MS: '3600000' }
    receiver.setBehaviour(() => ({ status: 500 }))
    {
      await using caduceus = await bench.startCaduceus(environment)
      await postHook(caduceus, { config: { url: receiver.url } })
      await publish(12)
      await eventually(async () => expect(await webhookEvents(caduceus, 'waiting')).toBe(12))
    }
    await purge()
    await using caduceus = await bench.startCaduceus(environment)
    await eventually(async () => expect(await toldBy(caduceus)).toBe(12))
    await looks()
    expect(await toldBy(caduceus)).toBe(12)
    expect(await webhookEvents(caduceus, 'expired')).toBe(12)
  })
})

it('a receiver slower than its events gets them or is told, each one, by several instances', async () => {
  // What is on its way to an instance has a look's time to arrive. No attempt runs out on a slow
  // machine: its event is told as lost, and rightly so, although the receiver has it.
  const environment = { ...ENVIRONMENT, CADUCEUS_LOOK_MS: '300', CADUCEUS_ATTEMPT_MS: '20000' }
  await using one = await bench.startCaduceus(environment)
  await using other = await bench.startCaduceus(environment)
  receiver.setBehaviour(
    () => new Promise((resolve) => setTimeout(() => resolve({ status: 200 }), 10)),
  )
  await postHook(one, { config: { url: receiver.url } })
  await looks()
  await bench.provisioner.streams.update('EVENTS', { max_msgs: 30 })
  for (let round = 0; round < 40; round += 1) await publish(50)
  await isSettled()
  await eventually(
    async () => expect((await toldBy(one, other)) + receivedIds().size).toBe(2_000),
    { withinMs: 10_000 },
  )
  expect(await toldBy(one, other)).toBeGreaterThan(100)
})

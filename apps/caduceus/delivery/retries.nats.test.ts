import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { durableOf } from '#apps/caduceus/consumers/durable/durable-name.ts'
import {
  metricOf,
  ownedIdOf,
  postHook,
  startCaduceusBench,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'

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

/** A third of the time after which the server gives an event out again. */
const ATTEMPT_MS = '200'

const durable = (): string => durableOf(ownedIdOf(receiver.url))

/** How often each event came, whatever was answered. */
function timesById(): Map<string, number> {
  const times = new Map<string, number>()
  for (const { headers } of receiver.received) {
    const id = String(headers['webhook-id'])
    times.set(id, (times.get(id) ?? 0) + 1)
  }
  return times
}

const publish = (count: number) => Promise.all(Array.from({ length: count }, () => bench.publish()))

const deadLetters = async (): Promise<number> =>
  (await bench.operator.streams.info('DEAD_LETTERS')).state.messages

/** Takes the events `times` times and never says what became of them, as who is killed then. */
async function takeAndDie(count: number, times: number): Promise<void> {
  const consumer = await bench.jetStream.consumers.get('EVENTS', durable())
  for (let taken = 0; taken < count * times;) {
    for await (const _ of await consumer.fetch({ max_messages: count, expires: 1_000 })) taken += 1
  }
}

describe('a retry', () => {
  it('counts what receivers answered, and not how often a Caduceus died with the event', async () => {
    {
      await using caduceus = await bench.startCaduceus({ CADUCEUS_ATTEMPT_MS: ATTEMPT_MS })
      await postHook(caduceus, { config: { url: receiver.url } })
    }
    const published = await publish(10)
    await takeAndDie(10, 4)
    const failed = new Set<string>()
    receiver.setBehaviour(({ headers }) => {
      const id = String(headers['webhook-id'])
      const isFirst = !failed.has(id)
      failed.add(id)
      return { status: isFirst ? 500 : 200 }
    })
    await using _ = await bench.startCaduceus({
      CADUCEUS_ATTEMPT_MS: ATTEMPT_MS,
      CADUCEUS_RETRY_DELAYS_MS: '20,20,20',
    })
    await eventually(() => {
      const times = timesById()
      expect(published.filter(({ id }) => (times.get(id) ?? 0) < 2)).toEqual([])
    })
    expect(await deadLetters()).toBe(0)
  })

  it('is counted on by whoever tries next: a dead letter after the last, and not before', async () => {
    receiver.setBehaviour(() => ({ status: 500 }))
    const environment = { CADUCEUS_RETRY_DELAYS_MS: '20,600,20', CADUCEUS_ATTEMPT_MS: ATTEMPT_MS }
    {
      await using caduceus = await bench.startCaduceus(environment)
      await postHook(caduceus, { config: { url: receiver.url } })
      await publish(5)
      await eventually(() => expect(receiver.received).toHaveLength(10))
    }
    // Two attempts failed at the first, and one of these gets the others.
    await using _one = await bench.startCaduceus(environment)
    await using _other = await bench.startCaduceus(environment)
    await eventually(async () => expect(await deadLetters()).toBe(5))
    expect([...timesById().values()]).toEqual([4, 4, 4, 4, 4])
    const letter = await bench.operator.streams.getMessage('DEAD_LETTERS', { seq: 1 })
    expect(letter?.header.get('Xmidt-Dead-Attempts')).toBe('4')
  })

  it('leaves nothing behind once the event is delivered', async () => {
    receiver.setBehaviour((_, index) => ({ status: index < 5 ? 500 : 200 }))
    await using caduceus = await bench.startCaduceus({ CADUCEUS_RETRY_DELAYS_MS: '20,20,20' })
    await postHook(caduceus, { config: { url: receiver.url } })
    await publish(5)
    await eventually(() => expect(receiver.received).toHaveLength(10))
    const line = `xmidt_caduceus_webhook_events{webhook="${ownedIdOf(receiver.url)}",state=`
    await eventually(async () => {
      expect(await metricOf(caduceus, `${line}"delivered"}`)).toBe(5)
      expect(await metricOf(caduceus, `${line}"waiting"}`)).toBe(0)
    })
  })

  it('of an event that is delivered at once is never written down', async () => {
    await using caduceus = await bench.startCaduceus()
    await postHook(caduceus, { config: { url: receiver.url } })
    await publish(20)
    await eventually(() => expect(receiver.received).toHaveLength(20))
    const { state } = await bench.operator.streams.info('KV_WEBHOOK_STATE', {
      subjects_filter: '$KV.WEBHOOK_STATE.retry.>',
    })
    expect(state.subjects ?? {}).toEqual({})
  })
})

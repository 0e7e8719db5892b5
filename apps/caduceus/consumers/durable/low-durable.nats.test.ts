import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { urlIdOf, type Webhook } from '#apps/caduceus/webhook.ts'
import { EVENT_STREAMS } from '#libs/nats/stream/event-streams.ts'
import {
  metricOf,
  ownedIdOf,
  postHook,
  startCaduceusBench,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { keepWebhook } from '#tests/support/kept-webhook.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'
import { durableOf } from './durable-name.ts'
import { renameDurable } from './durable.ts'

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
async function publish(qos: number, count: number): Promise<string[]> {
  const all = Array.from({ length: count }, () => bench.publish({ qos }))
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

const LOOKING = { CADUCEUS_LOOK_MS: '50' }

describe('a consumer of low qos that somebody deleted while no Caduceus ran', () => {
  it.each([
    { what: 'every event', events: ['.*'], count: 1, lostCount: 6 },
    { what: 'every event', events: ['.*'], count: 2, lostCount: 6 },
    // Of what came while nobody looked nobody can say how many were the filter's.
    { what: 'the events of a filter', events: ['^device-status/'], count: 2, lostCount: 0 },
  ])('is told once, of $what by $count, with what retention took', async (one) => {
    const { events, count, lostCount } = one
    {
      await using caduceus = await bench.startCaduceus(LOOKING)
      await postHook(caduceus, { config: { url: receiver.url }, events })
      const had = await publish(0, 5)
      await eventually(() => expect(received().toSorted()).toEqual(had.toSorted()))
      await isSettled()
    }
    await bench.manager.consumers.delete('EVENTS_LOW', durableOf(ownedIdOf(receiver.url)))
    const later: string[] = []
    for (let index = 0; index < 10; index += 1) later.push(...(await publish(0, 1)))
    await bench.provisioner.streams.purge('EVENTS_LOW', { keep: 4 })
    await using stack = new AsyncDisposableStack()
    const starting = Array.from({ length: count }, () => bench.startCaduceus(LOOKING))
    const instances = (await Promise.all(starting)).map((each) => stack.use(each))
    const sumOf = async (line: string): Promise<number> =>
      (await Promise.all(instances.map((each) => metricOf(each, line)))).reduce(
        (sum, each) => sum + each,
        0,
      )
    const missing = 'xmidt_caduceus_webhook_cut_offs_total{reason="consumer-missing"}'
    const lost = 'xmidt_caduceus_events_dropped_total{reason="retention-low"}'
    await eventually(
      async () => expect(received().slice(5).toSorted()).toEqual(later.slice(6).toSorted()),
      { withinMs },
    )
    await eventually(async () => expect(await sumOf(lost)).toBe(lostCount), { withinMs })
    await isSettled()
    expect(await sumOf(missing)).toBe(1)
    expect(await sumOf(lost)).toBe(lostCount)
  })
})

describe('an upgrade from when all events were in EVENTS', () => {
  it.each([
    ['every event', ['.*']],
    ['the events of a filter', ['^device-status/']],
  ])('loses nothing and brings nothing twice to a webhook of %s', async (_, events) => {
    {
      await using caduceus = await bench.startCaduceus()
      await postHook(caduceus, { config: { url: receiver.url }, events })
    }
    // As the version before left it.
    await bench.nats.lose('EVENTS_LOW')
    await bench.provisioner.streams.update('EVENTS', { subjects: ['xmidt.event.>'] })
    const name = durableOf(ownedIdOf(receiver.url))
    const metadata = { 'xmidt.webhook': ownedIdOf(receiver.url) }
    await bench.manager.consumers.update('EVENTS', name, { metadata })
    const { created } = await consumerOf('EVENTS')
    const before = await publish(75, 20)
    const old = await bench.jetStream.consumers.get('EVENTS', name)
    for await (const message of await old.fetch({ max_messages: 10, expires: 2_000 })) {
      await message.ackAck()
      if (message.info.deliverySequence === 10) break
    }
    await bench.nats.apply()
    // A Talaria of this version may begin before a Caduceus does.
    const low = await publish(0, 10)
    await using one = await bench.startCaduceus(LOOKING)
    await using other = await bench.startCaduceus(LOOKING)
    const after = [...(await publish(75, 10)), ...(await publish(0, 10))]
    const wanted = [...before.slice(10), ...low, ...after].toSorted()
    await eventually(() => expect(received().toSorted()).toEqual(wanted), { withinMs })
    await isSettled()
    expect((await consumerOf('EVENTS')).created).toBe(created)
    for (const caduceus of [one, other]) {
      const line = 'xmidt_caduceus_webhook_cut_offs_total{reason="consumer-missing"}'
      expect(await metricOf(caduceus, line)).toBe(0)
    }
    expect(received()).toHaveLength(40)
  })

  it('loses nothing of low qos to a webhook whose consumer still has its old name', async () => {
    const id = urlIdOf(receiver.url)
    const oldName = `webhook_${id}`
    await keepWebhook(bench, receiver.url)
    await bench.manager.consumers.add('EVENTS', {
      durable_name: oldName,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.New,
    })
    const ids = [...(await publish(0, 5)), ...(await publish(75, 5))]
    // As a Caduceus left it that was killed before it had made the other consumer.
    const webhook = { owner: 'owner', hook: { config: { url: receiver.url } } } as Webhook
    await renameDurable(bench.manager, id, webhook)
    expect(await consumersOf('EVENTS')).toEqual([durableOf(id)])
    await using _caduceus = await bench.startCaduceus(LOOKING)
    await eventually(() => expect(received().toSorted()).toEqual(ids.toSorted()), { withinMs })
  })
})

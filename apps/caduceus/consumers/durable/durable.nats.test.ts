import { AckPolicy, DeliverPolicy, type ConsumerInfo } from '@nats-io/jetstream'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { urlIdOf } from '#apps/caduceus/webhook.ts'
import { consume } from '#libs/nats/stream/consume.ts'
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

const ownName = (url = receiver.url): string => `webhook_${ownedIdOf(url).slice(0, 16)}`
const shortName = (): string => `webhook_${urlIdOf(receiver.url).slice(0, 16)}`
const oldName = (): string => `webhook_${urlIdOf(receiver.url)}`

const names = async (): Promise<string[]> => {
  const found: string[] = []
  for await (const { name } of bench.manager.consumers.list('EVENTS')) found.push(name)
  return found
}

const infoOf = (name: string): Promise<ConsumerInfo> => bench.manager.consumers.info('EVENTS', name)

/** The consumer as the version before made it. */
const addOld = (filter?: string): Promise<ConsumerInfo> =>
  bench.manager.consumers.add('EVENTS', {
    durable_name: oldName(),
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.New,
    ack_wait: 30_000_000_000,
    max_ack_pending: 1_000,
    max_deliver: -1,
    ...(filter !== undefined && { filter_subject: filter }),
  })

/** A registration whose consumer is as the version before left it; no Caduceus runs. */
async function leftByOldVersion(filter?: string): Promise<void> {
  await keepWebhook(bench, receiver.url)
  await addOld(filter)
}

const publish = async (count: number): Promise<string[]> => {
  const ids: string[] = []
  for (let index = 0; index < count; index += 1) ids.push((await bench.publish()).id)
  return ids
}

/** The ids of the events that came, in order, as often as they came. */
const received = (): string[] =>
  receiver.received.map(({ headers }) => String(headers['webhook-id']))

const allHaveCome = (ids: readonly string[]): Promise<void> =>
  eventually(() => expect(ids.filter((id) => !received().includes(id))).toEqual([]))

describe("a webhook's consumer", () => {
  it('has a name that can be typed, and says whose it is', async () => {
    await using caduceus = await bench.startCaduceus()
    const url = `${receiver.url}?token=secret#part`
    expect((await postHook(caduceus, { config: { url } })).status).toBe(200)
    const { config } = await infoOf(ownName(url))
    expect(config.description).toBe(`${receiver.url} (basic:owner)`)
    expect(config.metadata).toMatchObject({ 'xmidt.webhook': ownedIdOf(url) })
  })

  it('is never shared: a webhook whose id begins alike is refused, and told what to do', async () => {
    await bench.manager.consumers.add('EVENTS', {
      durable_name: ownName(),
      ack_policy: AckPolicy.Explicit,
      metadata: { 'xmidt.webhook': 'f'.repeat(64) },
    })
    await using caduceus = await bench.startCaduceus()
    const response = await postHook(caduceus, { config: { url: receiver.url } })
    expect(response.status).toBe(409)
    expect(await response.text()).toContain('any query added to it makes another')
    const other = `${receiver.url}?2`
    expect((await postHook(caduceus, { config: { url: other } })).status).toBe(200)
    await allHaveCome(await publish(3))
    expect(await infoOf(ownName())).toMatchObject({ delivered: { consumer_seq: 0 } })
  })

  it("is not pulled from by a registration whose name became another's", async () => {
    {
      await using caduceus = await bench.startCaduceus()
      await postHook(caduceus, { config: { url: receiver.url } })
    }
    await bench.manager.consumers.delete('EVENTS', ownName())
    await bench.manager.consumers.add('EVENTS', {
      durable_name: ownName(),
      ack_policy: AckPolicy.Explicit,
      metadata: { 'xmidt.webhook': 'f'.repeat(64) },
    })
    await using caduceus = await bench.startCaduceus()
    await eventually(async () =>
      expect(
        await metricOf(caduceus, 'xmidt_caduceus_webhook_cut_offs_total{reason="consumer-taken"}'),
      ).toBe(1),
    )
    expect((await infoOf(ownName())).num_waiting).toBe(0)
  })
})

describe('a consumer with its old name', () => {
  it('keeps its place: what was acked in a row does not come again, all else comes', async () => {
    await leftByOldVersion()
    const ids = await publish(10)
    const old = await bench.jetStream.consumers.get('EVENTS', oldName())
    const taken = await old.fetch({ max_messages: 8, expires: 2_000 })
    for await (const message of taken) {
      // The third was not answered, so what was acked after it is behind the floor.
      if (message.seq % 10 !== 3) await message.ackAck()
      if (message.info.deliverySequence === 8) break
    }
    const { ack_floor: floor } = await infoOf(oldName())
    await using _caduceus = await bench.startCaduceus()
    await allHaveCome(ids.slice(2))
    expect(await names()).toEqual([shortName()])
    expect((await infoOf(shortName())).config.opt_start_seq).toBe(floor.stream_seq + 1)
    const settled = async () => {
      const { num_pending: pending, num_ack_pending: unacked } = await infoOf(shortName())
      expect({ pending, unacked }).toEqual({ pending: 0, unacked: 0 })
    }
    await eventually(settled)
    // Once each, by the ids that the old consumer gave them out with.
    expect(received().toSorted()).toEqual(ids.slice(2).toSorted())
  })

  it('is taken over once by two instances that start at the same moment', async () => {
    await leftByOldVersion()
    const ids = await publish(30)
    const [one, two] = await Promise.all([bench.startCaduceus(), bench.startCaduceus()])
    await using _one = one
    await using _two = two
    await allHaveCome([...ids, ...(await publish(5))])
    expect(await names()).toEqual([shortName()])
    expect(received()).toHaveLength(35)
  })

  it('is removed by the next start when a process was killed after the new one was made', async () => {
    await leftByOldVersion()
    const ids = await publish(5)
    {
      await using _caduceus = await bench.startCaduceus()
      await allHaveCome(ids)
    }
    // As if the old one had not been removed: it still owes what the new one has delivered.
    const before = received().length
    await addOld()
    const later = await publish(5)
    await using _caduceus = await bench.startCaduceus()
    await allHaveCome(later)
    expect(await names()).toEqual([shortName()])
    expect(received()).toHaveLength(before + later.length)
  })

  it('loses nothing when it began before the new one, or takes more', async () => {
    await leftByOldVersion('xmidt.event.*.device-status.>')
    const early = await publish(3)
    // A new one that somehow began too late and is for other events.
    await bench.manager.consumers.add('EVENTS', {
      durable_name: shortName(),
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: 1_000,
      filter_subject: 'xmidt.event.*.other.>',
      metadata: { 'xmidt.webhook': urlIdOf(receiver.url) },
    })
    await using _caduceus = await bench.startCaduceus()
    await allHaveCome([...early, ...(await publish(3))])
    expect(await names()).toEqual([shortName()])
    expect((await infoOf(shortName())).config.filter_subject ?? '').toBe('')
  })

  it('loses nothing when the process was killed between removing and making the new one again', async () => {
    await leftByOldVersion()
    const ids = await publish(4)
    const old = await bench.jetStream.consumers.get('EVENTS', oldName())
    for (let count = 0; count < 4; count += 1) (await old.next({ expires: 2_000 }))?.ack()
    await eventually(async () => expect((await infoOf(oldName())).num_ack_pending).toBe(0))
    const start = (await infoOf(oldName())).delivered.stream_seq - 3
    await bench.manager.consumers.update('EVENTS', oldName(), {
      metadata: { 'xmidt.start': String(start) },
    })
    await using _caduceus = await bench.startCaduceus()
    await allHaveCome(ids)
    expect(await names()).toEqual([shortName()])
  })

  it('loses nothing beside a Caduceus of the old version, and goes for good once that has ended', async () => {
    await leftByOldVersion()
    const ending = new AbortController()
    const oldVersion = consume(bench.caduceus, {
      stream: 'EVENTS',
      durable: oldName(),
      places: () => 4,
      ackWaitMs: 30_000,
      // It posts to the receiver as well; here it only takes.
      handle: () => Promise.resolve({ outcome: 'ack' }),
      onMissing: () => addOld().then(() => true),
      signal: ending.signal,
      log: pino({ level: 'silent' }),
    })
    await eventually(async () => expect((await infoOf(oldName())).num_waiting).toBe(1))
    await using caduceus = await bench.startCaduceus({ CADUCEUS_SWEEP_MS: '50' })
    const during: string[] = []
    await eventually(async () => {
      during.push(...(await publish(1)))
      expect(await names()).toHaveLength(2)
    })
    await allHaveCome(during)
    ending.abort()
    await oldVersion
    const after = await publish(5)
    await allHaveCome(after)
    await eventually(async () => expect(await names()).toEqual([shortName()]), {
      withinMs: 15_000,
    })
    expect(
      await metricOf(caduceus, 'xmidt_caduceus_webhook_cut_offs_total{reason="consumer-missing"}'),
    ).toBe(0)
    // The new one had them all, each once.
    const all = [...during, ...after]
    expect(received().toSorted()).toEqual(all.toSorted())
  })
})

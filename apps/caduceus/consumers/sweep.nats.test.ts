import { AckPolicy } from '@nats-io/jetstream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EVENT_STREAMS, type EventStream } from '#libs/nats/stream/event-streams.ts'
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
import { durableOf } from './durable/durable-name.ts'

let bench: CaduceusBench

beforeEach(async () => {
  bench = await startCaduceusBench()
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
})

const WEBHOOK = 'a'.repeat(64)
const SWEEPING = { CADUCEUS_SWEEP_MS: '50', CADUCEUS_ORPHAN_AGE_MS: '0' }

/** A consumer of a webhook that the bucket has not. */
const addOrphan = async (stream: EventStream, id = WEBHOOK): Promise<void> => {
  await bench.manager.consumers.add(stream, {
    durable_name: durableOf(id),
    ack_policy: AckPolicy.Explicit,
    metadata: { 'xmidt.webhook': id },
  })
}

const namesOf = async (stream: EventStream): Promise<string[]> => {
  const found: string[] = []
  for await (const { name } of bench.manager.consumers.list(stream)) found.push(name)
  return found
}

/** As a Caduceus that knows the webhook, and has room for its events. */
function pullFrom(stream: EventStream): void {
  const { connection } = bench.caduceus
  const reply = bench.caduceus.createInbox()
  connection.subscribe(reply)
  const asked = JSON.stringify({ batch: 1, expires: 60_000_000_000 })
  connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${durableOf(WEBHOOK)}`, asked, { reply })
}

/** Resolves when both streams were swept from end to end: what is added now is removed. */
async function isSwept(): Promise<void> {
  for (const mark of ['0'.repeat(64), 'f'.repeat(64)]) {
    for (const stream of EVENT_STREAMS) {
      await addOrphan(stream, mark)
      const isGone = async () => expect(await namesOf(stream)).not.toContain(durableOf(mark))
      await eventually(isGone, { withinMs: 10_000 })
    }
  }
}

describe('a webhook that the bucket has lost', () => {
  it.each(EVENT_STREAMS)(
    'keeps both consumers while somebody pulls from the one in %s and has its hands full of the other',
    async (pulled) => {
      for (const stream of EVENT_STREAMS) await addOrphan(stream)
      pullFrom(pulled)
      await eventually(async () => {
        const { num_waiting: waiting } = await bench.manager.consumers.info(
          pulled,
          durableOf(WEBHOOK),
        )
        expect(waiting).toBe(1)
      })
      await using _caduceus = await bench.startCaduceus(SWEEPING)
      await isSwept()
      for (const stream of EVENT_STREAMS) {
        expect(await namesOf(stream)).toContain(durableOf(WEBHOOK))
      }
    },
  )

  it('keeps them while a Caduceus that knows it has its hands full of both', async () => {
    await using receiver = await startReceiver()
    await using knowing = await bench.startCaduceus({ CADUCEUS_CONCURRENCY: '2' })
    receiver.setBehaviour(() => new Promise(() => undefined))
    await postHook(knowing, { config: { url: receiver.url } })
    const id = ownedIdOf(receiver.url)
    for (let count = 0; count < 6; count += 1) {
      await bench.publish({ qos: count % 2 === 0 ? 0 : 75 })
    }
    const infosOf = () =>
      Promise.all(
        EVENT_STREAMS.map((stream) => bench.manager.consumers.info(stream, durableOf(id))),
      )
    await eventually(async () => {
      for (const { num_waiting: waiting, num_ack_pending: unacked } of await infosOf()) {
        expect({ waiting, isInHand: unacked > 0 }).toEqual({ waiting: 0, isInHand: true })
      }
    })
    const made = (await infosOf()).map(({ created }) => created)
    // Without a deletion mark: nobody ended it.
    await bench.provisioner.streams.purge('KV_WEBHOOKS', { filter: `$KV.WEBHOOKS.${id}` })
    const { lines, loggerOf } = keepLogLines()
    await using _sweeping = await bench.startCaduceus(SWEEPING, loggerOf('caduceus'))
    const told = () => lines.filter(({ msg }) => msg.includes('known elsewhere'))
    await eventually(() => expect(told()).not.toEqual([]), { withinMs: 15_000 })
    expect(told()[0]).toMatchObject({ count: 1, webhookIds: [id] })
    await isSwept()
    expect((await infosOf()).map(({ created }) => created)).toEqual(made)
  }, 60_000)

  it('keeps them while something of them moves', async () => {
    for (const stream of EVENT_STREAMS) await addOrphan(stream)
    await using _caduceus = await bench.startCaduceus(SWEEPING)
    const moving = await bench.jetStream.consumers.get('EVENTS', durableOf(WEBHOOK))
    let isOver = false
    const keepMoving = async (): Promise<void> => {
      while (!isOver) {
        await bench.publish()
        await (await moving.next({ expires: 2_000 }))?.ackAck()
      }
    }
    const keeping = keepMoving()
    await isSwept()
    for (const stream of EVENT_STREAMS) {
      expect(await namesOf(stream)).toContain(durableOf(WEBHOOK))
    }
    isOver = true
    await keeping
  }, 60_000)

  it('has its consumers removed when nobody pulls from either, each counted', async () => {
    for (const stream of EVENT_STREAMS) await addOrphan(stream)
    await using caduceus = await bench.startCaduceus(SWEEPING)
    for (const stream of EVENT_STREAMS) {
      await eventually(async () => expect(await namesOf(stream)).toEqual([]), { withinMs: 10_000 })
    }
    const orphans = 'xmidt_caduceus_webhook_cut_offs_total{reason="orphan"}'
    await eventually(async () => expect(await metricOf(caduceus, orphans)).toBe(2))
  })
})

describe('a consumer that is too young to be removed', () => {
  it('stays when the older one of the same webhook goes', async () => {
    const [older, younger] = EVENT_STREAMS
    await addOrphan(older)
    await using _caduceus = await bench.startCaduceus({
      ...SWEEPING,
      CADUCEUS_ORPHAN_AGE_MS: '6000',
    })
    const { created } = await bench.manager.consumers.info(older, durableOf(WEBHOOK))
    // Just before the older one is old enough: it goes long before the younger one is.
    const ageMs = (): number => Date.now() - Date.parse(created)
    await eventually(() => expect(ageMs()).toBeGreaterThan(5_500), { withinMs: 10_000 })
    await addOrphan(younger)
    await eventually(async () => expect(await namesOf(older)).toEqual([]), { withinMs: 10_000 })
    expect(await namesOf(younger)).toEqual([durableOf(WEBHOOK)])
  })
})

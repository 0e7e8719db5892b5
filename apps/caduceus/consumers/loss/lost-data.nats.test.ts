import { jetstream } from '@nats-io/jetstream'
import { Kvm, type KV } from '@nats-io/kv'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import {
  metricOf,
  OWNER,
  ownedIdOf,
  postHook,
  startCaduceusBench,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver } from '#tests/support/receiver.ts'

/** What is lost is noticed within seconds, and waits grow meanwhile. */
const withinMs = 20_000

let bench: CaduceusBench
let library: Nats
beforeAll(async () => {
  bench = await startCaduceusBench()
  library = await connectNats({
    url: bench.nats.urlOf('library'),
    name: 'test',
    log: pino({ level: 'silent' }),
  })
})
afterAll(async () => {
  await library?.[Symbol.asyncDispose]()
  await bench?.[Symbol.asyncDispose]()
})

const registrations = (): Promise<KV> =>
  new Kvm(jetstream(library.connection)).open('WEBHOOKS', { allow_direct: true })

async function registrationOf(url: string): Promise<Webhook | undefined> {
  const entry = await (await registrations()).get(ownedIdOf(url))
  return entry?.operation === 'PUT' ? entry.json() : undefined
}

const createdOf = async (url: string): Promise<string> =>
  (await bench.manager.consumers.info('EVENTS', `webhook_${ownedIdOf(url).slice(0, 16)}`)).created

describe('the stream EVENTS, lost and made anew', () => {
  it('goes to every webhook from its first event on, without a restart', async () => {
    await using receiver = await startReceiver()
    await using caduceus = await bench.startCaduceus()
    expect((await postHook(caduceus, { config: { url: receiver.url } })).status).toBe(200)
    const before = await bench.publish()
    await receiver.next(({ body }) => body.includes(before.id))

    await bench.nats.lose('EVENTS')
    await bench.nats.apply()
    const first = await bench.publish()
    await receiver.next(({ body }) => body.includes(first.id), { withinMs })
    const second = await bench.publish()
    await receiver.next(({ body }) => body.includes(second.id), { withinMs })
    expect(receiver.received).toHaveLength(3)
  })
})

describe('the bucket WEBHOOKS, lost and made anew', () => {
  it('gets back what a living Caduceus knew, once, with its end', async () => {
    await using receiver = await startReceiver()
    await using caduceus = await bench.startCaduceus()
    await using other = await bench.startCaduceus()
    // Registered again and again, so that its revision is higher than any of the new bucket.
    for (let index = 0; index < 5; index += 1) {
      expect((await postHook(caduceus, { config: { url: receiver.url } })).status).toBe(200)
    }
    const kept = await registrationOf(receiver.url)
    expect(kept?.untilMs).toBeGreaterThan(Date.now())
    const created = await createdOf(receiver.url)

    await bench.nats.lose('KV_WEBHOOKS')
    await bench.nats.apply()
    await eventually(async () => expect(await registrationOf(receiver.url)).toEqual(kept), {
      withinMs,
    })
    const { id } = await bench.publish()
    await receiver.next(({ body }) => body.includes(id))
    expect(await createdOf(receiver.url)).toBe(created)
    const writtenBack = 'xmidt_caduceus_webhooks_written_back_total'
    const webhooks = await metricOf(caduceus, 'xmidt_caduceus_webhooks')
    await eventually(async () => {
      const sum = (await metricOf(caduceus, writtenBack)) + (await metricOf(other, writtenBack))
      expect(sum).toBe(webhooks)
    })
  })

  it('takes a change and an end of what was written back, by either instance', async () => {
    await using receiver = await startReceiver()
    await using caduceus = await bench.startCaduceus({
      CADUCEUS_SWEEP_MS: '50',
      CADUCEUS_EXPIRED_GRACE_MS: '0',
    })
    await using other = await bench.startCaduceus()
    for (let index = 0; index < 5; index += 1) {
      await postHook(caduceus, { config: { url: receiver.url } })
    }
    await bench.nats.lose('KV_WEBHOOKS')
    await bench.nats.apply()
    await eventually(async () => expect(await registrationOf(receiver.url)).toBeDefined(), {
      withinMs,
    })
    await eventually(
      async () => {
        const events = ['only-this']
        expect((await postHook(other, { config: { url: receiver.url }, events })).status).toBe(200)
        const hooks = (await (
          await fetch(`${caduceus.url}/hooks`, { headers: { Authorization: OWNER } })
        ).json()) as { config: { url: string }; events: string[] }[]
        expect(hooks.find(({ config }) => config.url === receiver.url)?.events).toEqual(events)
      },
      { withinMs },
    )
    const removed = await fetch(`${caduceus.url}/hook/${ownedIdOf(receiver.url)}`, {
      method: 'DELETE',
      headers: { Authorization: OWNER },
    })
    expect(removed.status).toBe(204)
    await eventually(async () => expect(await registrationOf(receiver.url)).toBeUndefined())
    // What was deleted leaves a mark: nobody takes that for lost.
    await eventually(() => expect(createdOf(receiver.url)).rejects.toThrow('consumer not found'))
    await using third = await bench.startCaduceus()
    expect(third.url).not.toBe('')
    expect(await registrationOf(receiver.url)).toBeUndefined()
  })
})

describe('a registration that cannot be read', () => {
  it('is no missing one: its consumer stays with what it owes, is counted and cannot be taken', async () => {
    const sweeping = { CADUCEUS_SWEEP_MS: '50', CADUCEUS_ORPHAN_AGE_MS: '0' }
    await using receiver = await startReceiver()
    await using caduceus = await bench.startCaduceus(sweeping)
    await using other = await bench.startCaduceus(sweeping)
    await postHook(caduceus, { config: { url: receiver.url } })
    const { id: webhookId, created } = {
      id: ownedIdOf(receiver.url),
      created: await createdOf(receiver.url),
    }
    const kept = await registrationOf(receiver.url)
    const bucket = await registrations()
    await bucket.put(webhookId, '{"owner":"of a newer version"}')
    for (const each of [caduceus, other]) {
      await eventually(async () =>
        expect(await metricOf(each, 'xmidt_caduceus_webhooks_unreadable')).toBe(1),
      )
    }
    const { id } = await bench.publish()
    // A consumer that nobody owns shows that both have swept.
    await bench.manager.consumers.add('EVENTS', {
      durable_name: `webhook_${'0'.repeat(64)}`,
      ack_policy: 'explicit',
    })
    await eventually(
      () =>
        expect(bench.manager.consumers.info('EVENTS', `webhook_${'0'.repeat(64)}`)).rejects.toThrow(
          'consumer not found',
        ),
      { withinMs },
    )
    expect(await createdOf(receiver.url)).toBe(created)
    expect((await postHook(other, { config: { url: receiver.url } })).status).toBe(409)

    await bucket.put(webhookId, JSON.stringify(kept))
    await receiver.next(({ body }) => body.includes(id), { withinMs })
    expect(await metricOf(other, 'xmidt_caduceus_webhooks_unreadable')).toBe(0)
  })
})

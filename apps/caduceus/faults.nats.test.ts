/** What one webhook throws ends that webhook's part only: here a line of the log cannot be written. */
import { AckPolicy } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openWebhooks, webhookIdOf, type Webhook } from '#apps/caduceus/webhook.ts'
import { createBrokenLog } from '#tests/support/broken-log.ts'
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

it('an unexpected error with one event ends no other, and the event comes again', async () => {
  const broken = createBrokenLog('caduceus')
  await using caduceus = await bench.startCaduceus(
    { CADUCEUS_BACKLOG_MAX: '1', CADUCEUS_CONCURRENCY: '1' },
    broken.log,
  )
  await using receiver = await startReceiver()
  broken.breakAt(['webhook falls behind'])
  await postHook(caduceus, { config: { url: receiver.url } })
  const published = await Promise.all(Array.from({ length: 8 }, () => bench.publish()))
  await eventually(
    () => {
      const ids = receiver.received.map(({ headers }) => headers['webhook-id'])
      expect(new Set(ids)).toEqual(new Set(published.map(({ id }) => id)))
    },
    { withinMs: 15_000 },
  )
  expect(await metricOf(caduceus, 'xmidt_caduceus_faults_total{kind="event"}')).toBeGreaterThan(0)
})

it('an unexpected error in the loop of one webhook leaves the others theirs, and it begins anew', async () => {
  await using receiver = await startReceiver()
  await using other = await startReceiver()
  {
    await using caduceus = await bench.startCaduceus()
    await postHook(caduceus, { config: { url: receiver.url } })
    await postHook(caduceus, { config: { url: other.url } })
  }
  // The name of its consumer is another webhook's, which is logged.
  for await (const { name, config } of bench.manager.consumers.list('EVENTS')) {
    if (!config.description?.includes(receiver.url)) continue
    await bench.manager.consumers.delete('EVENTS', name)
    await bench.manager.consumers.add('EVENTS', {
      durable_name: name,
      ack_policy: AckPolicy.Explicit,
      metadata: { 'xmidt.webhook': 'f'.repeat(64) },
    })
  }
  const broken = createBrokenLog('caduceus')
  broken.breakAt(['webhook gets nothing: register it by another URL'])
  await using caduceus = await bench.startCaduceus({}, broken.log)
  const faults = (): Promise<number> =>
    metricOf(caduceus, 'xmidt_caduceus_faults_total{kind="loop"}')
  await eventually(async () => expect(await faults()).toBe(1))
  const { id } = await bench.publish()
  await eventually(() => expect(other.received[0]?.headers['webhook-id']).toBe(id))
  await eventually(async () => expect(await faults()).toBe(2), { withinMs: 15_000 })
})

it('an unexpected error with one registration leaves the watch of all, and the next is delivered to', async () => {
  const broken = createBrokenLog('caduceus')
  broken.breakAt(['webhook cannot be used'])
  await using caduceus = await bench.startCaduceus({}, broken.log)
  const bucket = await openWebhooks(bench.caduceus, { keys: [], log: broken.log })
  const url = 'http://127.0.0.1:1/'
  const unusable: Webhook = {
    owner: 'basic:owner',
    partnerIds: ['*'],
    registeredAtMs: Date.now(),
    untilMs: Date.now() + 60_000,
    hook: {
      registered_from_address: '127.0.0.1',
      config: { url, content_type: 'application/json' },
      failure_url: '',
      events: ['('],
      matcher: { device_id: ['.*'] },
    },
  }
  await bucket.put(webhookIdOf('basic:owner', url), unusable)
  const faults = 'xmidt_caduceus_faults_total{kind="registration"}'
  await eventually(async () => expect(await metricOf(caduceus, faults)).toBe(1))
  await using receiver = await startReceiver()
  await postHook(caduceus, { config: { url: receiver.url } })
  const { id } = await bench.publish()
  await eventually(() => expect(receiver.received[0]?.headers['webhook-id']).toBe(id))
})

import { afterAll, beforeAll, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import {
  metricOf,
  postHook,
  startCaduceusBench,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { keepWebhook } from '#tests/support/kept-webhook.ts'
import { startReceiver } from '#tests/support/receiver.ts'

let bench: CaduceusBench
let caduceus: App
beforeAll(async () => {
  bench = await startCaduceusBench()
  caduceus = await bench.startCaduceus()
})
afterAll(async () => {
  await caduceus[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

it('patterns and a source that take minutes together stop nobody: the event is passed by and counted', async () => {
  await using costly = await startReceiver()
  await using healthy = await startReceiver()
  await keepWebhook(bench, costly.url, { devices: ['(.?){999}x$'] })
  await postHook(caduceus, { config: { url: healthy.url } })
  const webhooks = 'xmidt_caduceus_webhooks'
  await eventually(async () => expect(await metricOf(caduceus, webhooks)).toBe(2))

  const startedAtMs = performance.now()
  const source = `mac:112233445566/${'a'.repeat(250_000)}`
  await Promise.all(Array.from({ length: 20 }, () => bench.publish({ source })))
  await eventually(() => expect(healthy.received).toHaveLength(20))
  expect(performance.now() - startedAtMs).toBeLessThan(5_000)

  const dropped = 'xmidt_caduceus_events_dropped_total{reason="match-overrun"}'
  await eventually(async () => expect(await metricOf(caduceus, dropped)).toBe(20))
  expect(costly.received).toHaveLength(0)
  // What it costs no time to judge, it gets as before.
  const { id } = await bench.publish({ source: 'mac:112233445566/x' })
  await costly.next(({ headers }) => headers['webhook-id'] === id)
})

import { expect, it } from 'vitest'
import { metricOf, ownedIdOf, postHook, startCaduceusBench } from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver } from '#tests/support/receiver.ts'
import { durableOf } from './durable/durable-name.ts'

const MISSING = 'xmidt_caduceus_webhook_cut_offs_total{reason="consumer-missing"}'

it('a consumer in EVENTS_LOW that was deleted while no Caduceus ran is counted, and its events come again', async () => {
  await using bench = await startCaduceusBench()
  await using receiver = await startReceiver()
  const isReceived = (id: string, times: number): void => {
    const all = receiver.received.filter(({ headers }) => headers['webhook-id'] === id)
    expect(all).toHaveLength(times)
  }
  let id: string
  {
    await using caduceus = await bench.startCaduceus()
    await postHook(caduceus, { config: { url: receiver.url } })
    id = (await bench.publish({ qos: 0 })).id
    await eventually(() => isReceived(id, 1))
    expect(await metricOf(caduceus, MISSING)).toBe(0)
  }
  await bench.manager.consumers.delete('EVENTS_LOW', durableOf(ownedIdOf(receiver.url)))
  await using caduceus = await bench.startCaduceus()
  await eventually(() => isReceived(id, 2))
  await eventually(async () => expect(await metricOf(caduceus, MISSING)).toBe(1))
})

import { afterAll, beforeAll, expect, it } from 'vitest'
import { DEAD_LETTERS_PER_WEBHOOK_MAX } from '#libs/nats/stream/dead-letters.ts'
import {
  metricOf,
  ownedIdOf,
  postHook,
  startCaduceusBench,
  STRANGER,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver } from '#tests/support/receiver.ts'

let bench: CaduceusBench
beforeAll(async () => {
  bench = await startCaduceusBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

const ENVIRONMENT = { CADUCEUS_RETRY_DELAYS_MS: '1', CADUCEUS_LOOK_MS: '100' }

it('one webhook has no more dead letters than it may, and pushes out nobody else’s', async () => {
  await using caduceus = await bench.startCaduceus(ENVIRONMENT)
  await using modest = await startReceiver({ respond: () => ({ status: 500 }) })
  await using greedy = await startReceiver({ respond: () => ({ status: 500 }) })
  await postHook(caduceus, { config: { url: modest.url }, events: ['modest/'] })
  const registered = await postHook(
    caduceus,
    { config: { url: greedy.url }, events: ['greedy/'] },
    { authorization: STRANGER },
  )
  const kept = (id: string): string => `xmidt_caduceus_webhook_dead_letters{webhook="${id}"}`
  const greedyId = registered.headers.get('Xmidt-Webhook-Id') ?? ''
  await bench.publish({ dest: 'event:modest/1' })
  const count = DEAD_LETTERS_PER_WEBHOOK_MAX + 20
  await Promise.all(Array.from({ length: count }, () => bench.publish({ dest: 'event:greedy/1' })))
  const dead = `xmidt_caduceus_webhook_events{webhook="${greedyId}",state="dead"}`
  await eventually(async () => expect(await metricOf(caduceus, dead)).toBe(count), {
    withinMs: 60_000,
  })
  await eventually(async () => {
    expect(await metricOf(caduceus, kept(greedyId))).toBe(DEAD_LETTERS_PER_WEBHOOK_MAX)
    expect(await metricOf(caduceus, kept(ownedIdOf(modest.url)))).toBe(1)
  })
}, 90_000)

it('dead letters of one owner over his bytes a day are kept without payload, and another’s whole', async () => {
  await using caduceus = await bench.startCaduceus({
    ...ENVIRONMENT,
    CADUCEUS_OWNER_DEAD_LETTER_BYTES_PER_DAY: '1000000',
  })
  await using receiver = await startReceiver({ respond: () => ({ status: 500 }) })
  const ids: string[] = []
  for (const authorization of [STRANGER, undefined]) {
    const hook = { config: { url: receiver.url }, events: ['large/'] }
    const response = await postHook(caduceus, hook, authorization ? { authorization } : {})
    ids.push(response.headers.get('Xmidt-Webhook-Id') ?? '')
  }
  const payload = new Uint8Array(400_000)
  const sizesOf = async (): Promise<string[]> => {
    const sizes: string[] = []
    for (const id of ids) {
      const subject = `xmidt.dead.${id}`
      const found = await bench.operator.streams.getMessage('DEAD_LETTERS', {
        last_by_subj: subject,
      })
      const cut = found?.header.get('Xmidt-Dead-Cut') ?? ''
      sizes.push(`${(found?.data.length ?? 0) > 400_000 ? 'whole' : 'cut'} ${cut !== ''}`)
    }
    return sizes
  }
  const letters = 'xmidt_caduceus_dead_letters_cut_total'
  await bench.publish({ dest: 'event:large/1', payload })
  await bench.publish({ dest: 'event:large/2', payload })
  await eventually(async () => expect(await sizesOf()).toEqual(['whole false', 'whole false']))
  expect(await metricOf(caduceus, letters)).toBe(0)
  await bench.publish({ dest: 'event:large/3', payload })
  await eventually(async () => expect(await sizesOf()).toEqual(['cut true', 'cut true']))
  expect(await metricOf(caduceus, letters)).toBe(2)
})

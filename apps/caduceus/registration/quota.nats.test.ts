import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { urlIdOf } from '#apps/caduceus/webhook.ts'
import type { App } from '#libs/lifecycle/app.ts'
import {
  metricOf,
  OWNER,
  postHook,
  startCaduceusBench,
  STRANGER,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'

let bench: CaduceusBench
beforeAll(async () => {
  bench = await startCaduceusBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

const urlOf = (name: number | string): string => `http://127.0.0.1:9/${name}`
const counted = (caduceus: App, outcome: string): Promise<number> =>
  metricOf(caduceus, `xmidt_caduceus_registrations_total{outcome="${outcome}"}`)

/** Registers all at once, as whoever wants to be faster than the count. */
const registerAll = async (
  caduceus: App,
  urls: readonly string[],
  more: Record<string, unknown> = {},
  authorization = OWNER,
): Promise<number[]> => {
  const responses = await Promise.all(
    urls.map((url) => postHook(caduceus, { config: { url }, ...more }, { authorization })),
  )
  return responses.map(({ status }) => status).toSorted((one, other) => one - other)
}
const removeAll = async (caduceus: App, urls: readonly string[]): Promise<void> => {
  for (const url of urls) {
    const how = { method: 'DELETE', headers: { authorization: OWNER } }
    await fetch(`${caduceus.url}/hook/${urlIdOf(url)}`, how)
  }
}

describe('an owner who registers without an end', () => {
  it('has as many webhooks as he may, and others register as before', async () => {
    await using caduceus = await bench.startCaduceus({ CADUCEUS_OWNER_WEBHOOKS_MAX: '3' })
    const urls = Array.from({ length: 8 }, (_, index) => urlOf(index))
    expect(await registerAll(caduceus, urls)).toEqual([200, 200, 200, 409, 409, 409, 409, 409])
    expect(await counted(caduceus, 'owner-webhooks-max')).toBe(5)
    const refused = await postHook(caduceus, { config: { url: urlOf('more') } })
    expect(await refused.json()).toEqual({
      code: 409,
      message: 'you have 3 webhooks, and an owner may have 3',
    })
    expect(await registerAll(caduceus, [urlOf('other')], {}, STRANGER)).toEqual([200])
    // What he has he may renew.
    const kept = (await listed(caduceus)).map(({ config }) => config.url)
    expect(await registerAll(caduceus, kept)).toEqual([200, 200, 200])
    await removeAll(caduceus, urls)
  })

  it('has as many instructions in all his patterns as he may', async () => {
    await using caduceus = await bench.startCaduceus({ CADUCEUS_OWNER_INSTRUCTIONS_MAX: '1000' })
    const urls = Array.from({ length: 4 }, (_, index) => urlOf(`pattern-${index}`))
    const patterns = { events: ['a{400}'] }
    expect(await registerAll(caduceus, urls, patterns)).toEqual([200, 200, 409, 409])
    expect(await counted(caduceus, 'owner-instructions-max')).toBe(2)
    await removeAll(caduceus, urls)
  })

  it('is told when to come again, and others are not', async () => {
    await using caduceus = await bench.startCaduceus({ CADUCEUS_OWNER_CHANGES_PER_MINUTE: '5' })
    const urls = Array.from({ length: 8 }, () => urlOf('often'))
    const statuses = await registerAll(caduceus, urls)
    expect(statuses.filter((status) => status === 429)).toHaveLength(3)
    const refused = await postHook(caduceus, { config: { url: urlOf('often') } })
    expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, 12])
    expect(await counted(caduceus, 'owner-too-often')).toBe(4)
    expect(await registerAll(caduceus, [urlOf('often')], {}, STRANGER)).toEqual([200])
  })
})

async function listed(caduceus: App): Promise<{ config: { url: string } }[]> {
  const response = await fetch(`${caduceus.url}/hooks`, { headers: { authorization: OWNER } })
  const all = (await response.json()) as { config: { url: string } }[]
  return all.filter(({ config }) => /\/\d$/.test(config.url))
}

import { Kvm } from '@nats-io/kv'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { webhookIdOf } from '#apps/caduceus/webhook.ts'
import type { App } from '#libs/lifecycle/app.ts'
import {
  OWNER,
  postHook,
  startCaduceusBench,
  STRANGER,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestKeys, type TestKeys } from '#tests/support/keys.ts'

let bench: CaduceusBench
let keys: TestKeys
let caduceus: App
beforeAll(async () => {
  bench = await startCaduceusBench()
  keys = await startTestKeys()
  caduceus = await bench.startCaduceus({ CADUCEUS_JWKS_URL: keys.url })
})
afterAll(async () => {
  await caduceus[Symbol.asyncDispose]()
  await keys[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const bearer = async (sub: string): Promise<string> => {
  const capabilities = ['x1:webpa:api:.*:all']
  return `Bearer ${await keys.sign({ sub, capabilities, 'partner-id': 'comcast' })}`
}
const statusesOf = async (url: string, authorization: string): Promise<[number, number]> => {
  const changed = await postHook(caduceus, { config: { url } }, { authorization })
  const removed = await fetch(`${caduceus.url}/hook/${webhookIdOf(url)}`, {
    method: 'DELETE',
    headers: { authorization },
  })
  return [changed.status, removed.status]
}

describe('a token that is called as somebody else', () => {
  it('changes and removes no webhook of the caller with a password, nor he one of the token', async () => {
    const ofPassword = 'http://127.0.0.1:9/password'
    const ofToken = 'http://127.0.0.1:9/token'
    const sub = await bearer('owner')
    expect((await postHook(caduceus, { config: { url: ofPassword } })).status).toBe(200)
    const registered = await postHook(
      caduceus,
      { config: { url: ofToken } },
      { authorization: sub },
    )
    expect(registered.status).toBe(200)
    for (const forged of [sub, await bearer('basic:owner'), await bearer('open:anybody')]) {
      expect(await statusesOf(ofPassword, forged)).toEqual([403, 403])
    }
    expect(await statusesOf(ofToken, OWNER)).toEqual([403, 403])
    const listed = await fetch(`${caduceus.url}/hooks`, { headers: { authorization: sub } })
    expect((await listed.json()) as unknown[]).toHaveLength(1)
    expect(await statusesOf(ofPassword, OWNER)).toEqual([200, 204])
    expect(await statusesOf(ofToken, sub)).toEqual([200, 204])
  })
})

describe('a webhook registered when owners had no kind', () => {
  const keep = async (url: string, owner: string): Promise<void> => {
    const bucket = await new Kvm(bench.jetStream).open('WEBHOOKS', { allow_direct: true })
    const hook = {
      registered_from_address: '',
      config: { url, content_type: '' },
      failure_url: '',
      events: ['.*'],
      matcher: { device_id: ['.*'] },
    }
    const untilMs = Date.now() + 300_000
    const record = { owner, partnerIds: ['*'], registeredAtMs: Date.now(), untilMs, hook }
    await bucket.put(webhookIdOf(url), JSON.stringify(record))
    await eventually(async () => {
      const hooks = await fetch(`${caduceus.url}/hooks`, { headers: { authorization: OWNER } })
      expect(JSON.stringify(await hooks.json())).toContain(url)
    })
  }

  it('is the caller’s with a password of that name, where there is one', async () => {
    const url = 'http://127.0.0.1:9/old-password'
    await keep(url, 'owner')
    expect(await statusesOf(url, await bearer('owner'))).toEqual([403, 403])
    expect(await statusesOf(url, STRANGER)).toEqual([403, 403])
    expect(await statusesOf(url, OWNER)).toEqual([200, 204])
  })

  it('is else the token’s of that subject', async () => {
    const url = 'http://127.0.0.1:9/old-token'
    await keep(url, 'service-a')
    expect(await statusesOf(url, OWNER)).toEqual([403, 403])
    expect(await statusesOf(url, await bearer('service-b'))).toEqual([403, 403])
    expect(await statusesOf(url, await bearer('service-a'))).toEqual([200, 204])
  })
})

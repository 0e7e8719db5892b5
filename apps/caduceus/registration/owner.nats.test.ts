import { Kvm } from '@nats-io/kv'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { durableOf } from '#apps/caduceus/consumers/durable/durable-name.ts'
import { urlIdOf } from '#apps/caduceus/webhook.ts'
import type { App } from '#libs/lifecycle/app.ts'
import {
  OWNER,
  postHook,
  startCaduceusBench,
  STRANGER,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { keepWebhook } from '#tests/support/kept-webhook.ts'
import { startReceiver } from '#tests/support/receiver.ts'
import { startTestKeys, type TestKeys } from '#tests/support/keys.ts'

let bench: CaduceusBench
let keys: TestKeys
let caduceus: App
beforeAll(async () => {
  bench = await startCaduceusBench()
  keys = await startTestKeys()
  caduceus = await bench.startCaduceus({
    CADUCEUS_JWKS_URL: keys.url,
    // Sees when a webhook of somebody else is known.
    CADUCEUS_ADMINISTRATORS: 'basic:owner',
  })
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
const remove = async (id: string, authorization: string): Promise<number> => {
  const how = { method: 'DELETE', headers: { authorization } }
  return (await fetch(`${caduceus.url}/hook/${id}`, how)).status
}
const register = async (url: string, authorization: string): Promise<string> => {
  const response = await postHook(caduceus, { config: { url } }, { authorization })
  expect(response.status).toBe(200)
  return response.headers.get('Xmidt-Webhook-Id') ?? ''
}
const registrations = () => new Kvm(bench.jetStream).open('WEBHOOKS', { allow_direct: true })

/** Tries to change and to remove what is kept under `id` of the same URL. */
const attack = async (url: string, id: string, authorization: string): Promise<void> => {
  const before = await (await registrations()).get(id)
  expect(await remove(id, authorization)).toBe(404)
  expect(await remove(urlIdOf(url), authorization)).toBe(404)
  const ownId = await register(url, authorization)
  expect(ownId).not.toBe(id)
  // By upstream's id each one names his own.
  expect(await remove(urlIdOf(url), authorization)).toBe(204)
  expect((await (await registrations()).get(id))?.revision).toBe(before?.revision)
}

describe('a token that is called as somebody else', () => {
  it('changes and removes no webhook of the caller with a password, nor he one of the token', async () => {
    const ofPassword = 'http://127.0.0.1:9/password'
    const ofToken = 'http://127.0.0.1:9/token'
    const sub = await bearer('owner')
    const [ownId, tokenId] = [await register(ofPassword, OWNER), await register(ofToken, sub)]
    for (const forged of [sub, await bearer('basic:owner'), await bearer('open:anybody')]) {
      await attack(ofPassword, ownId, forged)
    }
    await attack(ofToken, tokenId, OWNER)
    const listed = await fetch(`${caduceus.url}/hooks`, { headers: { authorization: sub } })
    expect((await listed.json()) as unknown[]).toHaveLength(1)
    expect(await register(ofPassword, OWNER)).toBe(ownId)
    expect(await remove(ownId, OWNER)).toBe(204)
    expect(await remove(urlIdOf(ofToken), sub)).toBe(204)
  })
})

describe('a URL that somebody registered first', () => {
  it('is everybody’s all the same: each owner’s webhook gets its events', async () => {
    await using receiver = await startReceiver()
    const ids = [await register(receiver.url, STRANGER), await register(receiver.url, OWNER)]
    expect(new Set(ids).size).toBe(2)
    const { id } = await bench.publish()
    await eventually(() => expect(receiver.received).toHaveLength(2))
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([id, id])
    expect(await remove(urlIdOf(receiver.url), STRANGER)).toBe(204)
    await bench.publish()
    await eventually(() => expect(receiver.received).toHaveLength(3))
    expect(await remove(urlIdOf(receiver.url), OWNER)).toBe(204)
  })
})

describe('a webhook registered when owners had no kind', () => {
  const keep = async (url: string, owner: string): Promise<void> => {
    await keepWebhook(bench, url, { owner })
    await eventually(async () => {
      const hooks = await fetch(`${caduceus.url}/hooks`, { headers: { authorization: OWNER } })
      expect(JSON.stringify(await hooks.json())).toContain(url)
    })
  }

  it('is the caller’s with a password of that name, where there is one', async () => {
    const url = 'http://127.0.0.1:9/old-password'
    await keep(url, 'owner')
    await attack(url, urlIdOf(url), await bearer('owner'))
    await attack(url, urlIdOf(url), STRANGER)
    expect(await register(url, OWNER)).toBe(urlIdOf(url))
    expect(await remove(urlIdOf(url), OWNER)).toBe(204)
  })

  it('is else the token’s of that subject', async () => {
    const url = 'http://127.0.0.1:9/old-token'
    await keep(url, 'service-a')
    await attack(url, urlIdOf(url), OWNER)
    await attack(url, urlIdOf(url), await bearer('service-b'))
    expect(await register(url, await bearer('service-a'))).toBe(urlIdOf(url))
    expect(await remove(urlIdOf(url), await bearer('service-a'))).toBe(204)
  })

  it('keeps its id with that its consumer and its place, and misses nothing', async () => {
    await using receiver = await startReceiver()
    const ownId = urlIdOf(receiver.url)
    await keep(receiver.url, 'owner')
    await eventually(() => bench.manager.consumers.info('EVENTS', durableOf(ownId)))
    const { created } = await bench.manager.consumers.info('EVENTS', durableOf(ownId))
    const first = await bench.publish()
    await receiver.next(({ headers }) => headers['webhook-id'] === first.id)
    expect(await register(receiver.url, OWNER)).toBe(ownId)
    const { id } = await bench.publish()
    await receiver.next(({ headers }) => headers['webhook-id'] === id)
    expect((await bench.manager.consumers.info('EVENTS', durableOf(ownId))).created).toBe(created)
    expect(receiver.received).toHaveLength(2)
    expect(await remove(ownId, OWNER)).toBe(204)
  })
})

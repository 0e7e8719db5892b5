import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { encode } from '#libs/wrp/codec.ts'
import { toJson } from '#libs/wrp/json.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import {
  metricOf,
  OWNER,
  postHook,
  startCaduceusBench,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { startTestKeys, type TestKeys } from '#tests/support/keys.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'

let bench: CaduceusBench
let caduceus: App
let receiver: Receiver

beforeAll(async () => {
  bench = await startCaduceusBench()
  caduceus = await bench.startCaduceus()
  receiver = await startReceiver()
  await postHook(caduceus, { config: { url: receiver.url } })
})
afterAll(async () => {
  await caduceus[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const event: WrpMessage = {
  msg_type: 4,
  source: 'dns:somewhere',
  dest: 'event:firmware/mac:112233445566/done',
  payload: new TextEncoder().encode('{}'),
}

const notify = (
  body: Uint8Array | string,
  headers: Record<string, string>,
  path = '/api/v4/notify',
): Promise<Response> =>
  fetch(`${caduceus.url}${path}`, {
    method: 'POST',
    headers: { authorization: OWNER, ...headers },
    body,
  })

it.each([
  ['msgpack', '/api/v4/notify', 'application/msgpack', encode(event)],
  ['JSON', '/api/v3/notify', 'application/json', toJson(event)],
])('an event in %s is answered 202 and delivered', async (_, path, contentType, body) => {
  const before = receiver.received.length
  const response = await notify(body, { 'Content-Type': contentType }, path)
  expect([response.status, await response.text()]).toEqual([202, 'Request placed on to queue.\n'])
  const { headers } = await receiver.next((request) => receiver.received.indexOf(request) >= before)
  expect(headers).toMatchObject({
    'x-webpa-event': 'firmware/mac:112233445566/done',
    'x-webpa-device-id': 'dns:somewhere',
    'content-type': 'application/json',
    'x-webpa-transaction-id': headers['webhook-id'],
  })
})

it.each([
  ['another content type', 415, 'text/plain', encode(event)],
  ['an empty body', 400, 'application/msgpack', new Uint8Array()],
  ['bytes that are no WRP', 400, 'application/msgpack', new Uint8Array([0xc1])],
  ['text that is no JSON', 400, 'application/json', '{'],
  ['a request', 400, 'application/msgpack', encode({ ...event, msg_type: 3 })],
  [
    'a source over 512 characters',
    400,
    'application/msgpack',
    encode({ ...event, source: `dns:${'x'.repeat(512)}` }),
  ],
  [
    'a destination over 512 characters',
    400,
    'application/msgpack',
    encode({ ...event, dest: `event:x/${'x'.repeat(512)}` }),
  ],
  ['a destination that is no event', 400, 'application/msgpack', encode({ ...event, dest: 'x' })],
])('%s is refused', async (_, status, contentType, body) => {
  const response = await notify(body, { 'Content-Type': contentType })
  expect(response.status).toBe(status)
  expect(await response.json()).toEqual({ code: status, message: expect.any(String) })
})

it('an event without a credential is refused', async () => {
  const response = await notify(encode(event), { authorization: '' })
  expect(response.status).toBe(401)
})

it.each(['device-status', 'Device-Status', ' device-status'])(
  'an event of %j is refused, as only a Talaria knows who is online',
  async (type) => {
    const forged = { ...event, dest: `event:${type}/mac:112233445566/offline` }
    const response = await notify(encode(forged), { 'Content-Type': 'application/msgpack' })
    expect(response.status).toBe(403)
    expect(
      await metricOf(caduceus, 'xmidt_caduceus_notifications_total{outcome="type-reserved"}'),
    ).toBeGreaterThan(0)
  },
)

describe('a caller with a token', () => {
  let keys: TestKeys
  let own: App
  beforeAll(async () => {
    keys = await startTestKeys()
    own = await bench.startCaduceus({ CADUCEUS_JWKS_URL: keys.url })
  })
  afterAll(async () => {
    await own[Symbol.asyncDispose]()
    await keys[Symbol.asyncDispose]()
  })
  const statusOf = async (
    claims: Record<string, unknown>,
    more: Partial<WrpMessage> = {},
  ): Promise<number> => {
    const authorization = `Bearer ${await keys.sign(claims)}`
    const headers = { authorization, 'Content-Type': 'application/msgpack' }
    const body = encode({ ...event, ...more })
    return (await fetch(`${own.url}/api/v4/notify`, { method: 'POST', headers, body })).status
  }
  const capabilities = ['x1:webpa:notify:.*:all']
  const comcast = { capabilities, 'partner-id': 'comcast' }

  it('needs a capability for the intake: that of the API is not enough', async () => {
    const api = { 'partner-id': 'comcast', capabilities: ['x1:webpa:api:.*:all'] }
    expect(await statusOf(api)).toBe(403)
    expect(await statusOf(comcast)).toBe(202)
  })

  it('brings events of his own partners only, and those without become his', async () => {
    expect(await statusOf(comcast, { partner_ids: ['sky'] })).toBe(403)
    expect(await statusOf(comcast, { partner_ids: ['comcast', 'sky'] })).toBe(403)
    expect(await statusOf(comcast, { partner_ids: ['*'] })).toBe(403)
    expect(await statusOf({ capabilities })).toBe(403)
    expect(await statusOf(comcast, { partner_ids: ['comcast'] })).toBe(202)
    const all = { capabilities, allowedResources: { allowedPartners: ['*'] } }
    expect(await statusOf(all, { partner_ids: ['sky'] })).toBe(202)
    // Whose an event without partners is shows at a receiver of every partner.
    const id = randomUUID()
    expect(await statusOf(comcast, { transaction_uuid: id })).toBe(202)
    const { headers } = await receiver.next((each) => each.headers['x-webpa-transaction-id'] === id)
    expect(headers['x-xmidt-partner-id']).toContain('comcast')
  })
})

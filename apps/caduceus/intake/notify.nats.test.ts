import { afterAll, beforeAll, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { encode } from '#libs/wrp/codec.ts'
import { toJson } from '#libs/wrp/json.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { OWNER, postHook, startCaduceusBench, type CaduceusBench } from '#tests/support/caduceus.ts'
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

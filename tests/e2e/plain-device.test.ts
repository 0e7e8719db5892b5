import { afterAll, beforeAll, expect, it } from 'vitest'
import { decode } from '#libs/wrp/codec.ts'
import { connectDevice } from '#tests/support/device.ts'
import { isOffline, isOnline, watchEvents, type Events } from '#tests/support/events.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'
import { redirectOf } from '#tests/support/redirect.ts'
import { isSigned, register } from '#tests/support/registration.ts'
import { startStack, type Stack } from '#tests/support/stack.ts'

const DEVICE = 'mac:112233445566'

let stack: Stack
let events: Events
let receiver: Receiver

beforeAll(async () => {
  stack = await startStack({ talarias: 2, caduceus: true })
  events = await watchEvents(stack)
  receiver = await startReceiver()
  await register(stack.caduceus!.url, receiver.url)
})

afterAll(async () => {
  await receiver[Symbol.asyncDispose]()
  await events[Symbol.asyncDispose]()
  await stack[Symbol.asyncDispose]()
})

it('needs a token, a redirect and a websocket, and its events reach a webhook stamped and signed', async () => {
  // Petasos knows both Talarias as soon as its watch of the bucket has told it.
  const url = await eventually(async () => {
    const found = await redirectOf(stack, DEVICE)
    if (found === undefined) throw new Error('Petasos knows no Talaria yet')
    return found
  })
  const token = await stack.deviceToken(DEVICE, 'comcast')
  const device = await connectDevice({ url, deviceId: DEVICE, token })
  const online = await events.first(isOnline(DEVICE))
  const sessionId = online.message.session_id

  const payload = new TextEncoder().encode('{"it":"works"}')
  device.send({
    msg_type: 4,
    source: `${DEVICE}/config`,
    dest: 'event:test/x',
    content_type: 'application/json',
    // Neither is the device's to say.
    partner_ids: ['somebody-else'],
    session_id: 'invented',
    payload,
  })
  const delivery = await receiver.next(({ headers }) => headers['x-webpa-event'] === 'test/x')
  expect(isSigned(delivery)).toBe(true)
  expect(delivery.headers['x-webpa-device-id']).toBe(DEVICE)
  const message = decode(delivery.body)
  expect(message).toMatchObject({ partner_ids: ['comcast'], session_id: sessionId })
  expect(Buffer.from(message.payload ?? []).toString()).toBe('{"it":"works"}')

  await device[Symbol.asyncDispose]()
  const offline = await events.first(isOffline(DEVICE))
  expect(offline.message.session_id).toBe(sessionId)
  await receiver.next(
    ({ headers }) => headers['x-webpa-event'] === `device-status/${DEVICE}/offline`,
  )
})

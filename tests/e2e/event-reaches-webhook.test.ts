import { afterAll, beforeAll, expect, it } from 'vitest'
import { decode } from '#libs/wrp/codec.ts'
import { startParodus } from '#tests/support/parodus.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'
import { isSigned, register } from '#tests/support/registration.ts'
import { startStack, type Stack } from '#tests/support/stack.ts'

let stack: Stack
let receiver: Receiver

beforeAll(async () => {
  stack = await startStack({ caduceus: true })
  receiver = await startReceiver()
  await register(stack.caduceus!.url, receiver.url)
})

afterAll(async () => {
  await receiver[Symbol.asyncDispose]()
  await stack[Symbol.asyncDispose]()
})

it("brings the event of a device's service to a webhook, stamped and signed", async () => {
  const id = 'mac:112233445566'
  await using _device = await startParodus(stack, id, {
    partner: 'comcast',
    eventIntervalMs: 100,
  })
  const delivery = await receiver.next(
    ({ headers }) =>
      headers['x-webpa-device-id'] === id && !String(headers['x-webpa-event']).endsWith('/online'),
    { withinMs: 10_000 },
  )
  expect(isSigned(delivery)).toBe(true)
  const message = decode(delivery.body)
  expect(message).toMatchObject({ msg_type: 4, partner_ids: ['comcast'] })
  expect(message.source).toContain(id)
  expect(message.session_id).toBeTruthy()
  expect(delivery.headers['x-webpa-event']).toBe(message.dest?.replace(/^event:/, ''))
})

it('brings the online event of the session before its other events', async () => {
  const id = 'mac:112233445577'
  await using _device = await startParodus(stack, id, { eventIntervalMs: 100 })
  const ofDevice = ({ headers }: { headers: Record<string, unknown> }): boolean =>
    String(headers['x-webpa-event']).includes(id)
  const online = await receiver.next(
    ({ headers }) => headers['x-webpa-event'] === `device-status/${id}/online`,
    { withinMs: 10_000 },
  )
  expect(receiver.received.filter(ofDevice)[0]).toBe(online)
})

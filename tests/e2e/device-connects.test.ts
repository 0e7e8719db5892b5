import { afterAll, beforeAll, expect, it } from 'vitest'
import { isOnline, watchEvents, type Events } from '#tests/support/events.ts'
import { startParodus } from '#tests/support/parodus.ts'
import { manyDevices, redirectOf } from '#tests/support/redirect.ts'
import { startStack, type Stack } from '#tests/support/stack.ts'

let stack: Stack
let events: Events

beforeAll(async () => {
  stack = await startStack({ talarias: 2 })
  events = await watchEvents(stack)
})

afterAll(async () => {
  await events[Symbol.asyncDispose]()
  await stack[Symbol.asyncDispose]()
})

it('connects a device with a token of Themis to the Talaria that Petasos names, and tells it', async () => {
  const id = 'mac:112233445566'
  await using _device = await startParodus(stack, id, { partner: 'comcast' })
  const { message } = await events.first(isOnline(id))
  expect(message).toMatchObject({ msg_type: 4, partner_ids: ['comcast'] })
  expect(message.session_id).toBeTruthy()
  const { status, text } = await stack.caller.stat(id)
  expect(status).toBe(200)
  expect(JSON.parse(text)).toMatchObject({ id })
})

it('spreads devices over two Talarias, each always to the same', async () => {
  const devices = manyDevices()
  const redirects = (): Promise<(string | undefined)[]> =>
    Promise.all(devices.map((device) => redirectOf(stack, device)))
  const first = await redirects()
  expect(await redirects()).toEqual(first)
  for (const talaria of stack.talarias) {
    const share = first.filter((origin) => origin === talaria.url).length
    expect(share).toBeGreaterThan(16)
  }
})

it('connects devices of both Talarias, and each can be asked', async () => {
  await using devices = new AsyncDisposableStack()
  const ids = ['mac:aa0000000001', 'mac:aa0000000002', 'mac:aa0000000003', 'mac:aa0000000004']
  for (const id of ids) devices.use(await startParodus(stack, id))
  await Promise.all(ids.map((id) => events.first(isOnline(id))))
  for (const id of ids) expect((await stack.caller.stat(id)).status).toBe(200)
})

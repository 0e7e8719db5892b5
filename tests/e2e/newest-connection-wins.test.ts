import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'
import { answerRequests, isOpen } from '#tests/support/device-answers.ts'
import { isOffline, isOnline, watchEvents, type Events } from '#tests/support/events.ts'
import { eventually } from '#tests/support/eventually.ts'
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

const connectTo = async (index: number, id: string): Promise<TestDevice> =>
  connectDevice({
    url: stack.talarias[index]!.url,
    deviceId: id,
    token: await stack.deviceToken(id),
  })

it('closes the old connection when the device connects to the other Talaria, and commands go to the new', async () => {
  const id = 'mac:112233445566'
  await using old = await connectTo(0, id)
  await events.first(isOnline(id))
  answerRequests(old, 'old')
  expect((await stack.caller.ask(id, 'config')).text).toBe('old')

  await using recent = await connectTo(1, id)
  answerRequests(recent, 'new')
  await old.closed
  await eventually(async () => {
    expect((await stack.caller.ask(id, 'config')).text).toBe('new')
  })
  expect(isOpen(recent)).toBe(true)
})

it('tells the end of the old session with its own id and not that of the new', async () => {
  const id = 'mac:112233445577'
  await using old = await connectTo(0, id)
  const first = await events.first(isOnline(id))
  await using _recent = await connectTo(1, id)
  await old.closed
  const offline = await events.first(isOffline(id))
  expect(offline.message.session_id).toBe(first.message.session_id)
  const online = await events.first(
    (event) => isOnline(id)(event) && event.message.session_id !== first.message.session_id,
  )
  expect(online.message.session_id).toBeTruthy()
})

it('lets the newest of many quick connections win, wherever each was made', async () => {
  const id = 'mac:112233445588'
  await using devices = new AsyncDisposableStack()
  const made: TestDevice[] = []
  for (let index = 0; index < 10; index += 1) {
    made.push(devices.use(await connectTo(index % 2, id)))
  }
  await Promise.all(made.slice(0, -1).map((device) => device.closed))
  const last = made.at(-1)!
  answerRequests(last, 'the last')
  expect((await stack.caller.ask(id, 'config')).text).toBe('the last')
  expect(isOpen(last)).toBe(true)
})

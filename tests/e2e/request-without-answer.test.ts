import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'
import { answerRequests } from '#tests/support/device-answers.ts'
import { eventually } from '#tests/support/eventually.ts'
import { logOf, startStack, type Stack } from '#tests/support/stack.ts'

const DEVICE = 'mac:112233445566'
const ABSENT = 'mac:665544332211'
const SERVICE = 'config'

/** "At once" against a second, with room for a loaded machine. */
const AT_ONCE_MS = 500

let stack: Stack
let device: TestDevice

beforeAll(async () => {
  stack = await startStack({ environment: { SCYTALE_DEVICE_TIMEOUT_MS: '1500' } })
  const token = await stack.deviceToken(DEVICE)
  device = await connectDevice({ url: stack.talarias[0]!.url, deviceId: DEVICE, token })
  answerRequests(device, 'here')
  await eventually(async () => expect((await stack.caller.stat(DEVICE)).status).toBe(200))
})

afterAll(async () => {
  await device[Symbol.asyncDispose]()
  await stack[Symbol.asyncDispose]()
})

/** Somebody who types `nats sub '>'`, or whatever he may see. */
async function watch(url: string, subject = '>'): Promise<Nats> {
  const watcher = await connectNats({ url, name: 'watcher', log: logOf('nats') })
  watcher.connection.subscribe(subject, { callback: () => {} })
  await watcher.connection.flush()
  return watcher
}

it('answers 404 at once for a device that nobody holds', async () => {
  const answer = await stack.caller.ask(ABSENT, SERVICE)
  expect(answer.status).toBe(404)
  expect(answer.tookMs).toBeLessThan(AT_ONCE_MS)
  expect((await stack.caller.stat(ABSENT)).status).toBe(404)
})

it('answers 404 at once also while somebody watches everything with the account of tools', async () => {
  await using _watcher = await watch(stack.nats.urlOf('tools'))
  const answer = await stack.caller.ask(ABSENT, SERVICE)
  expect(answer.status).toBe(404)
  expect(answer.tookMs).toBeLessThan(AT_ONCE_MS)
  const { status, text } = await stack.caller.stat(DEVICE)
  expect(status).toBe(200)
  expect(text).toContain(DEVICE)
})

it('answers 503 after a second while somebody watches all devices with the password of a Talaria', async () => {
  await using _watcher = await watch(stack.nats.urlOf('talaria'), 'xmidt.device.*.*')
  const answer = await stack.caller.ask(ABSENT, SERVICE)
  expect(answer.status).toBe(503)
  expect(answer.text).toContain('the request may have reached the device')
  expect(answer.tookMs).toBeGreaterThan(900)
  expect(answer.tookMs).toBeLessThan(3_000)
  expect((await stack.caller.ask(DEVICE, SERVICE)).text).toBe('here')
})

it('answers 404 at once when the device is gone', async () => {
  await device[Symbol.asyncDispose]()
  // A request on the way at that very moment may be dropped with the subscription: 503 after 1 s.
  await eventually(async () => expect((await stack.caller.ask(DEVICE, SERVICE)).status).toBe(404))
  const answer = await stack.caller.ask(DEVICE, SERVICE)
  expect(answer.status).toBe(404)
  expect(answer.tookMs).toBeLessThan(AT_ONCE_MS)
})

it('answers 504 for a device that takes the request and does not answer, and asks it once', async () => {
  const id = 'mac:112233445577'
  const token = await stack.deviceToken(id)
  await using mute = await connectDevice({ url: stack.talarias[0]!.url, deviceId: id, token })
  let requestCount = 0
  mute.socket.on('message', () => (requestCount += 1))
  await eventually(async () => expect((await stack.caller.stat(id)).status).toBe(200))
  const answer = await stack.caller.ask(id, SERVICE)
  expect(answer.status).toBe(504)
  expect(requestCount).toBe(1)
})

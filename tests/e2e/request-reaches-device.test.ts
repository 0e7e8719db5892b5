import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectNats } from '#libs/nats/connect.ts'
import { isOnline, watchEvents } from '#tests/support/events.ts'
import { eventually } from '#tests/support/eventually.ts'
import { SERVICE, startParodus, type ParodusDevice } from '#tests/support/parodus.ts'
import { logOf, startStack, type Stack } from '#tests/support/stack.ts'

const DEVICE = 'mac:112233445566'
const ABSENT = 'mac:665544332211'

/** "At once" against a second, with room for a loaded machine. */
const AT_ONCE_MS = 500

let stack: Stack
let device: ParodusDevice

beforeAll(async () => {
  stack = await startStack()
  await using events = await watchEvents(stack)
  device = await startParodus(stack, DEVICE)
  await events.first(isOnline(DEVICE))
})

afterAll(async () => {
  await device[Symbol.asyncDispose]()
  await stack[Symbol.asyncDispose]()
})

it("brings a caller the answer of a device's service", async () => {
  // The service registers with its Parodus by itself and after the device is online.
  const answer = await eventually(async () => {
    const found = await stack.caller.ask(DEVICE, SERVICE)
    expect(found.text).toContain('"statusCode":200')
    return found
  })
  expect(answer.status).toBe(200)
  expect(answer.message).toMatchObject({ msg_type: 3, dest: 'dns:caller.example' })
  expect(answer.message?.source).toContain(DEVICE)
})

it('changes a parameter and reads it back', async () => {
  await eventually(async () => {
    expect((await stack.caller.ask(DEVICE, SERVICE)).text).toContain('"statusCode":200')
  })
  const name = 'Device.DeviceInfo.ProvisioningCode'
  const set = await stack.caller.ask(DEVICE, SERVICE, {
    command: 'SET',
    parameters: [{ name, value: 'e2e-17', dataType: 0 }],
  })
  expect(set.text).toContain('"statusCode":200')
  const get = await stack.caller.ask(DEVICE, SERVICE, { command: 'GET', names: [name] })
  expect(get.text).toContain('e2e-17')
})

it('answers for a service that the device has not with what its Parodus says', async () => {
  const answer = await stack.caller.ask(DEVICE, 'no-such-service')
  expect(answer.status).toBe(200)
  expect(answer.text).toContain('531')
})

it('answers 404 at once for a device that nobody holds', async () => {
  const answer = await stack.caller.ask(ABSENT, SERVICE)
  expect(answer.status).toBe(404)
  expect(answer.tookMs).toBeLessThan(AT_ONCE_MS)
  expect((await stack.caller.stat(ABSENT)).status).toBe(404)
})

it('answers 404 at once also while somebody watches everything with the account of tools', async () => {
  const log = logOf('nats')
  await using watcher = await connectNats({ url: stack.nats.toolsUrl, name: 'watcher', log })
  watcher.connection.subscribe('>', { callback: () => {} })
  await watcher.connection.flush()
  const answer = await stack.caller.ask(ABSENT, SERVICE)
  expect(answer.status).toBe(404)
  expect(answer.tookMs).toBeLessThan(AT_ONCE_MS)
  const { status, text } = await stack.caller.stat(DEVICE)
  expect(status).toBe(200)
  expect(text).toContain(DEVICE)
})

it('answers 404 after a second while somebody watches everything with the account of the apps', async () => {
  const log = logOf('nats')
  await using watcher = await connectNats({ url: stack.nats.url, name: 'watcher', log })
  watcher.connection.subscribe('>', { callback: () => {} })
  await watcher.connection.flush()
  const answer = await stack.caller.ask(ABSENT, SERVICE)
  expect(answer.status).toBe(404)
  expect(answer.text).toContain('no Talaria took the request: it reached no device')
  expect(answer.tookMs).toBeGreaterThan(900)
  expect(answer.tookMs).toBeLessThan(3_000)
  expect((await stack.caller.stat(DEVICE)).status).toBe(200)
})

import { afterAll, beforeAll, expect, it } from 'vitest'
import { createCaller } from '#tests/support/caller.ts'
import { isOnline, watchEvents } from '#tests/support/events.ts'
import { eventually } from '#tests/support/eventually.ts'
import { SERVICE, startParodus, type ParodusDevice } from '#tests/support/parodus.ts'
import { startStack, type Stack } from '#tests/support/stack.ts'

const DEVICE = 'mac:112233445566'
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

it('lets a caller with a token for all partners ask a device that has one', async () => {
  const bearer = createCaller(stack.scytale.url, `Bearer ${await stack.callerToken()}`)
  const answer = await eventually(async () => {
    const found = await bearer.ask(DEVICE, SERVICE)
    expect(found.text).not.toContain('531')
    return found
  })
  expect(answer.status).toBe(200)
  expect(answer.text).toContain('"statusCode":200')
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

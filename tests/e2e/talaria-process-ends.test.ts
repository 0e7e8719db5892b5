import { afterAll, beforeAll, expect, it } from 'vitest'
import { startAppProcess } from '#tests/support/app-process.ts'
import { connectDevice } from '#tests/support/device.ts'
import { answerRequests } from '#tests/support/device-answers.ts'
import { eventually } from '#tests/support/eventually.ts'
import { manyDevices, redirectsOf } from '#tests/support/redirect.ts'
import { startStack, type Stack } from '#tests/support/stack.ts'

const DEVICE = 'mac:112233445566'

/** Long before its lease of 15 s runs out: its pings have no responder from the moment it is killed. */
const OUT_MS = 5_000

/** A lease of 15 s, and as long as it takes to look at it. */
const LEASE_OVER_MS = 25_000

let stack: Stack

beforeAll(async () => {
  stack = await startStack({ talarias: 1 })
})

afterAll(() => stack[Symbol.asyncDispose]())

const staying = (): string => stack.talarias[0]!.url

it('ends on SIGTERM in order: its lease goes at once, its devices are closed, its exit code is 0', async () => {
  await using leaving = await startAppProcess('talaria', stack.talariaEnvironment('leaving'))
  const both = new Set([staying(), leaving.url])
  await eventually(async () => expect(await redirectsOf(stack, manyDevices())).toEqual(both))
  const token = await stack.deviceToken(DEVICE)
  await using device = await connectDevice({ url: leaving.url, deviceId: DEVICE, token })
  answerRequests(device, 'here')
  await eventually(async () => expect((await stack.caller.ask(DEVICE, 'config')).text).toBe('here'))

  const exited = leaving.kill('SIGTERM')
  await eventually(async () =>
    expect(await redirectsOf(stack, manyDevices())).toEqual(new Set([staying()])),
  )
  await device.closed
  expect(await exited).toBe(0)
  expect((await stack.caller.ask(DEVICE, 'config')).status).toBe(404)

  await using again = await connectDevice({ url: staying(), deviceId: DEVICE, token })
  answerRequests(again, 'there')
  await eventually(async () =>
    expect((await stack.caller.ask(DEVICE, 'config')).text).toBe('there'),
  )
})

it('is sent nobody soon after it was killed, long before its lease runs out; its devices are 404 when it has', async () => {
  await using killed = await startAppProcess('talaria', stack.talariaEnvironment('killed'))
  const both = new Set([staying(), killed.url])
  await eventually(async () => expect(await redirectsOf(stack, manyDevices())).toEqual(both))
  const token = await stack.deviceToken(DEVICE)
  await using device = await connectDevice({ url: killed.url, deviceId: DEVICE, token })
  answerRequests(device, 'here')
  await eventually(async () => expect((await stack.caller.ask(DEVICE, 'config')).text).toBe('here'))

  await killed.kill('SIGKILL')
  await eventually(
    async () => expect(await redirectsOf(stack, manyDevices())).toEqual(new Set([staying()])),
    { withinMs: OUT_MS },
  )
  // Until then it might have lost NATS alone, and hold its devices still.
  await eventually(
    async () => {
      const { status, text } = await stack.caller.ask(DEVICE, 'config')
      if (status === 503) expect(text).toContain('the request was not sent')
      expect(status).toBe(404)
    },
    { withinMs: LEASE_OVER_MS },
  )
}, 60_000)

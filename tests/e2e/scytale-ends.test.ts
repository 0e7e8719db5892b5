/** Whoever waits for an answer when Scytale is told to end gets one: the device's, or a definite 503. */
import { setTimeout as passing } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { startAppProcess, type AppProcess } from '#tests/support/app-process.ts'
import { basicOf, createCaller, type Caller } from '#tests/support/caller.ts'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'
import { answerRequests } from '#tests/support/device-answers.ts'
import { eventually } from '#tests/support/eventually.ts'
import { CALLER_CREDENTIAL, startStack, type Stack } from '#tests/support/stack.ts'

/** More than the server itself waits for at its end. */
const DRAIN_MS = 7_000

const DEVICE = 'mac:112233445566'

let stack: Stack
let device: TestDevice

beforeAll(async () => {
  stack = await startStack()
  const token = await stack.deviceToken(DEVICE)
  device = await connectDevice({ url: stack.talarias[0]!.url, deviceId: DEVICE, token })
})

afterAll(async () => {
  await device[Symbol.asyncDispose]()
  await stack[Symbol.asyncDispose]()
})

interface EndingScytale extends AsyncDisposable {
  scytale: AppProcess
  caller: Caller
}

async function startScytale(drainMs: number): Promise<EndingScytale> {
  const scytale = await startAppProcess('scytale', {
    ...stack.scytaleEnvironment,
    SCYTALE_DRAIN_MS: String(drainMs),
  })
  return {
    scytale,
    caller: createCaller(scytale.url, basicOf(CALLER_CREDENTIAL)),
    [Symbol.asyncDispose]: () => scytale[Symbol.asyncDispose](),
  }
}

const answer = ({ source = '', dest = '', transaction_uuid = '' }: WrpMessage): void => {
  const payload = new TextEncoder().encode('here')
  device.send({ msg_type: 3, source: dest, dest: source, transaction_uuid, payload })
}

it('three callers get the answers of a device that takes its time; a new request is 503', async () => {
  await using ending = await startScytale(DRAIN_MS * 2)
  const { scytale, caller } = ending
  const asked = [1, 2, 3].map(() => caller.ask(DEVICE, 'config'))
  const commands = await Promise.all(asked.map(() => device.next()))
  const ended = scytale.kill('SIGTERM')
  const refused = await eventually(async () => {
    const response = await fetch(`${scytale.url}/api/v3/device/${DEVICE}/stat`)
    expect(response.status).toBe(503)
    return response
  })
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(refused.headers.get('connection')).toBe('close')
  expect(await refused.text()).toContain('the request was not sent')
  // Longer than a server that only closes its connections would wait.
  await passing(5_500)
  for (const command of commands) answer(command)
  expect((await Promise.all(asked)).map(({ text }) => text)).toEqual(['here', 'here', 'here'])
  expect(await ended).toBe(0)
}, 30_000)

it('whoever waits for a device that says nothing gets 503 when the time is over, and it may have been reached', async () => {
  await using ending = await startScytale(500)
  const asked = [1, 2, 3].map(() => ending.caller.ask(DEVICE, 'config'))
  await Promise.all(asked.map(() => device.next()))
  const ended = ending.scytale.kill('SIGTERM')
  for (const { status, text } of await Promise.all(asked)) {
    expect(status).toBe(503)
    expect(text).toContain('may have reached the device')
  }
  expect(await ended).toBe(0)
}, 30_000)

it('it ends at once when nobody waits', async () => {
  await using ending = await startScytale(DRAIN_MS)
  await using other = await connectDevice({
    url: stack.talarias[0]!.url,
    deviceId: 'mac:665544332211',
    token: await stack.deviceToken('mac:665544332211'),
  })
  answerRequests(other, 'here')
  expect((await ending.caller.ask('mac:665544332211', 'config')).text).toBe('here')
  const began = performance.now()
  expect(await ending.scytale.kill('SIGTERM')).toBe(0)
  expect(performance.now() - began).toBeLessThan(DRAIN_MS / 2)
}, 30_000)

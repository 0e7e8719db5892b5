/**
 * What a caller is told about a command that ran, or may have run: never that it reached no device,
 * whatever dies or stands still meanwhile. And of a device that is connected never that it is not.
 */
import { setTimeout as passing } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startAppProcess } from '#tests/support/app-process.ts'
import { basicOf, createCaller, type Caller } from '#tests/support/caller.ts'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'
import { answerRequests } from '#tests/support/device-answers.ts'
import { eventually } from '#tests/support/eventually.ts'
import { CALLER_CREDENTIAL, startStack, type Stack } from '#tests/support/stack.ts'

const ABSENT = 'mac:665544332211'

/** Longer than a command waits for a sign of life. */
const STANDSTILL_MS = 1_200

/** A lease of 15 s, and as long as it takes to look at it. */
const LEASE_OVER_MS = 25_000

let stack: Stack
let deviceCount = 0

beforeAll(async () => {
  stack = await startStack({ environment: { SCYTALE_DEVICE_TIMEOUT_MS: '5000' } })
})

afterAll(() => stack[Symbol.asyncDispose]())

const newDevice = (): string => `mac:${(0x11_22_33_00_00_00 + deviceCount++).toString(16)}`

async function connect(url: string, deviceId = newDevice()): Promise<TestDevice & { id: string }> {
  const token = await stack.deviceToken(deviceId)
  const device = await connectDevice({ url, deviceId, token })
  return Object.assign(device, { id: deviceId })
}

type Answer = Awaited<ReturnType<Caller['ask']>>

const askTimes = (caller: Caller, device: string, times: number): Promise<Answer>[] =>
  Array.from({ length: times }, () => caller.ask(device, 'config'))

/** What may be said of a command that reached the device, or may have. */
function expectHonest({ status, text }: Answer): void {
  // Its Talaria had said that the device is at work.
  if (status === 504) return
  expect([status, text]).toEqual(
    status === 200 ? [200, 'here'] : [503, expect.stringContaining('may have reached the device')],
  )
}

it('503, it may have reached the device, when its Talaria is killed just after it wrote the command', async () => {
  await using killed = await startAppProcess('talaria', stack.talariaEnvironment('killed'))
  await using device = await connect(killed.url)
  const asked = stack.caller.ask(device.id, 'config')
  await device.next()
  await killed.kill('SIGKILL')
  expectHonest(await asked)
  // Devices of a Talaria that may only have lost NATS are not said to be away, until its lease ends.
  const absent = await stack.caller.ask(ABSENT, 'config')
  expect([absent.status, absent.text]).toEqual([
    503,
    expect.stringContaining('the request was not sent'),
  ])
  await eventually(
    async () => expect((await stack.caller.ask(ABSENT, 'config')).status).toBe(404),
    {
      withinMs: LEASE_OVER_MS,
    },
  )
}, 60_000)

it('200 for what was answered while Scytale stood still', async () => {
  await using scytale = await startAppProcess('scytale', stack.scytaleEnvironment)
  const caller = createCaller(scytale.url, basicOf(CALLER_CREDENTIAL))
  await using device = await connect(stack.talarias[0]!.url)
  const asked = askTimes(caller, device.id, 20)
  const commands = await Promise.all(asked.map(() => device.next()))
  scytale.freeze(true)
  for (const { source = '', dest = '', transaction_uuid = '' } of commands) {
    const payload = new TextEncoder().encode('here')
    device.send({ msg_type: 3, source: dest, dest: source, transaction_uuid, payload })
  }
  await passing(STANDSTILL_MS)
  scytale.freeze(false)
  const answers = await Promise.all(asked)
  expect(answers.map(({ status, text }) => [status, text])).toEqual(asked.map(() => [200, 'here']))
}, 30_000)

it('never 404 for a command that its Talaria carries out after it stood still', async () => {
  await using frozen = await startAppProcess('talaria', stack.talariaEnvironment('frozen'))
  await using device = await connect(frozen.url)
  answerRequests(device, 'here')
  await eventually(async () =>
    expect((await stack.caller.ask(device.id, 'config')).status).toBe(200),
  )
  frozen.freeze(true)
  const asked = askTimes(stack.caller, device.id, 20)
  await passing(STANDSTILL_MS)
  frozen.freeze(false)
  for (const answer of await Promise.all(asked)) expectHonest(answer)
  expect(await frozen.kill('SIGTERM')).toBe(0)
}, 30_000)

it('200 for a slow answer to a command that its Talaria took late, as it says so at once', async () => {
  await using frozen = await startAppProcess('talaria', stack.talariaEnvironment('late'))
  await using device = await connect(frozen.url)
  frozen.freeze(true)
  const asked = stack.caller.ask(device.id, 'config')
  await passing(STANDSTILL_MS - 300)
  frozen.freeze(false)
  const { source = '', dest = '', transaction_uuid = '' } = await device.next()
  // By now nobody waits any more who has not heard that his command was taken.
  await passing(300)
  const payload = new TextEncoder().encode('here')
  device.send({ msg_type: 3, source: dest, dest: source, transaction_uuid, payload })
  expect((await asked).text).toBe('here')
  expect(await frozen.kill('SIGTERM')).toBe(0)
}, 30_000)

it('never 404 for a command that lay in a nats-server that stood still', async () => {
  await using device = await connect(stack.talarias[0]!.url)
  answerRequests(device, 'here')
  await eventually(async () =>
    expect((await stack.caller.ask(device.id, 'config')).status).toBe(200),
  )
  process.kill(stack.nats.server.pid, 'SIGSTOP')
  const asked = askTimes(stack.caller, device.id, 20)
  await passing(STANDSTILL_MS)
  process.kill(stack.nats.server.pid, 'SIGCONT')
  for (const answer of await Promise.all(asked)) expectHonest(answer)
}, 30_000)

it('200 by a Talaria whose clock is ahead, or behind', async () => {
  for (const aheadMs of [700, -700]) {
    await using ahead = await startAppProcess('talaria', {
      ...stack.talariaEnvironment(`ahead-${aheadMs}`.replace('--', '-')),
      NODE_OPTIONS: '--import=./tests/support/clock-ahead.ts',
      CLOCK_AHEAD_MS: String(aheadMs),
    })
    await using device = await connect(ahead.url)
    answerRequests(device, 'here')
    const answers = await Promise.all(askTimes(stack.caller, device.id, 10))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(await ahead.kill('SIGTERM')).toBe(0)
  }
}, 30_000)

it('never 404 for a connected device while nats-server is restarted, and 404 again for one that is away', async () => {
  await using other = await startAppProcess('talaria', stack.talariaEnvironment('other'))
  await using device = await connect(other.url)
  answerRequests(device, 'here')
  await eventually(async () =>
    expect((await stack.caller.ask(device.id, 'config')).status).toBe(200),
  )
  for (let round = 0; round < 3; round += 1) {
    await stack.nats.server.stop('SIGKILL')
    const restarted = stack.nats.server.restart()
    const statuses = new Set<number>()
    await eventually(
      async () => {
        const { status, text } = await stack.caller.ask(device.id, 'config')
        statuses.add(status)
        expect([status, text]).toEqual([200, 'here'])
      },
      { withinMs: 15_000 },
    )
    await restarted
    expect(statuses).not.toContain(404)
    await eventually(async () => {
      expect((await stack.caller.ask(ABSENT, 'config')).status).toBe(404)
    })
  }
  expect(await other.kill('SIGTERM')).toBe(0)
}, 60_000)

it('never 404 for a device that has just connected', async () => {
  const asked: Promise<Answer>[] = []
  const devices = new AsyncDisposableStack()
  for (let count = 0; count < 50; count += 1) {
    const device = devices.use(await connect(stack.talarias[0]!.url))
    answerRequests(device, 'here')
    // Others ask for who is away, so that pings are under way all the time.
    asked.push(stack.caller.ask(device.id, 'config'))
    void stack.caller.ask(ABSENT, 'config')
  }
  expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(asked.map(() => 200))
  await devices.disposeAsync()
}, 30_000)

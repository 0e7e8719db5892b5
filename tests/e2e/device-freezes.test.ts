import { afterAll, beforeAll, expect, it } from 'vitest'
import { wait } from '#libs/retry/wait.ts'
import { startAppProcess } from '#tests/support/app-process.ts'
import { connectDevice } from '#tests/support/device.ts'
import { isOffline, isOnline, watchEvents, type Events } from '#tests/support/events.ts'
import { eventually } from '#tests/support/eventually.ts'
import { DEVICE_CREDENTIAL, startStack, type Stack } from '#tests/support/stack.ts'

const IDLE_MS = 1_000
let stack: Stack
let events: Events

beforeAll(async () => {
  stack = await startStack()
  events = await watchEvents(stack)
})

afterAll(async () => {
  await events[Symbol.asyncDispose]()
  await stack[Symbol.asyncDispose]()
})

const parodusEnvironment = (id: string): Record<string, string> => {
  const themis = new URL('/issue', stack.themis.url)
  const [user = '', password = ''] = DEVICE_CREDENTIAL.split(':')
  Object.assign(themis, { username: user, password })
  return {
    PARODUS_DEVICE_ID: id,
    PARODUS_PETASOS_URL: stack.petasos.url,
    PARODUS_THEMIS_URL: themis.href,
    PARODUS_PARTNER_ID: 'comcast',
    PARODUS_LOCAL_URL: 'tcp://127.0.0.1:0',
  }
}

it('is told offline within 5 s of a command that it does not answer, and its caller gets an answer', async () => {
  const id = 'mac:112233445501'
  await using parodus = await startAppProcess('parodus', parodusEnvironment(id))
  await events.first(isOnline(id))
  parodus.freeze(true)
  const answer = await stack.caller.ask(id, 'config')
  expect(answer.status).toBe(504)
  expect(answer.tookMs).toBeLessThan(6_000)
  await events.first(isOffline(id))
  parodus.freeze(false)
  await eventually(() => expect(events.seen.filter(isOnline(id))).toHaveLength(2))
})

it('is told offline when it falls silent without a command, and its neighbour stays', async () => {
  const environment = { TALARIA_PING_MS: '200', TALARIA_IDLE_MS: String(IDLE_MS) }
  await using talaria = await startAppProcess('talaria', {
    ...stack.talariaEnvironment('talaria-x'),
    ...environment,
  })
  const [frozenId, otherId] = ['mac:112233445502', 'mac:112233445503'] as const
  const connect = async (id: string) =>
    connectDevice({ url: talaria.url, deviceId: id, token: await stack.deviceToken(id) })
  await using frozen = await connect(frozenId)
  await using other = await connect(otherId)
  await events.first(isOnline(otherId))
  frozen.socket.pause()
  await events.first(isOffline(frozenId))
  expect(other.socket.readyState).toBe(other.socket.OPEN)
  frozen.socket.resume()
})

it('stays when it was the Talaria that stood still, for longer than a silence may last', async () => {
  const environment = { TALARIA_PING_MS: '200', TALARIA_IDLE_MS: String(IDLE_MS) }
  await using talaria = await startAppProcess('talaria', {
    ...stack.talariaEnvironment('talaria-y'),
    ...environment,
  })
  const id = 'mac:112233445504'
  const token = await stack.deviceToken(id)
  await using device = await connectDevice({ url: talaria.url, deviceId: id, token })
  await events.first(isOnline(id))
  talaria.freeze(true)
  // The time itself is what is tested: it cannot be waited for by a sign.
  await wait(2.5 * IDLE_MS)
  const pings = device.pings.length
  talaria.freeze(false)
  await eventually(() => expect(device.pings.length).toBeGreaterThan(pings + 5))
  expect(device.socket.readyState).toBe(device.socket.OPEN)
})

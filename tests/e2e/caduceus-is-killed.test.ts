import { afterAll, beforeAll, expect, it } from 'vitest'
import { decode } from '#libs/wrp/codec.ts'
import { startAppProcess } from '#tests/support/app-process.ts'
import { watchEvents, type Events } from '#tests/support/events.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startParodus } from '#tests/support/parodus.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'
import { register } from '#tests/support/registration.ts'
import { startStack, type Stack } from '#tests/support/stack.ts'

/** Caduceus waits three times this for an acknowledgement before an event is given out again. */
const ATTEMPT_MS = '500'

let stack: Stack
let events: Events
let receiver: Receiver

beforeAll(async () => {
  stack = await startStack()
  events = await watchEvents(stack)
  receiver = await startReceiver()
})

afterAll(async () => {
  await receiver[Symbol.asyncDispose]()
  await events[Symbol.asyncDispose]()
  await stack[Symbol.asyncDispose]()
})

/** What makes two events different to a reader. */
const keyOf = (bytes: Uint8Array): string => {
  const { dest, session_id: session, transaction_uuid: transaction, payload } = decode(bytes)
  return [dest, session, transaction, Buffer.from(payload ?? []).toString('base64')].join(' ')
}

it('loses no event when Caduceus is killed between publish and delivery', async () => {
  const environment = { ...stack.caduceusEnvironment, CADUCEUS_ATTEMPT_MS: ATTEMPT_MS }
  await using first = await startAppProcess('caduceus', environment)
  await register(first.url, receiver.url)
  // Deliveries begin and never end: they are in hand when the process dies.
  receiver.setBehaviour(() => new Promise(() => {}))
  await using devices = new AsyncDisposableStack()
  const id = 'mac:112233445566'
  devices.use(await startParodus(stack, id, { eventIntervalMs: 50 }))
  await receiver.next(() => true, { withinMs: 10_000 })
  await first.kill('SIGKILL')

  // Events go on being published while there is no Caduceus at all.
  const whenKilled = events.seen.length
  await eventually(() => expect(events.seen.length).toBeGreaterThan(whenKilled + 10))
  await devices.disposeAsync()
  const answered = receiver.received.length
  receiver.setBehaviour(() => ({ status: 200 }))
  await using _second = await startAppProcess('caduceus', environment)

  await eventually(
    () => {
      const delivered = new Set(receiver.received.slice(answered).map(({ body }) => keyOf(body)))
      const lost = events.seen.map(({ bytes }) => keyOf(bytes)).filter((key) => !delivered.has(key))
      expect(lost).toEqual([])
    },
    { withinMs: 15_000 },
  )
})

import { afterAll, beforeAll, expect, it } from 'vitest'
import { decode } from '#libs/wrp/codec.ts'
import { startAppProcess } from '#tests/support/app-process.ts'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'
import { watchEvents, type Events } from '#tests/support/events.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver, type ReceivedRequest, type Receiver } from '#tests/support/receiver.ts'
import { register } from '#tests/support/registration.ts'
import { startStack, type Stack } from '#tests/support/stack.ts'

/** So short an attempt that Caduceus waits three times this, and not 5 s, for an acknowledgement. */
const ATTEMPT_MS = '500'

const DEVICE = 'mac:112233445566'

let stack: Stack
let events: Events
let receiver: Receiver
let device: TestDevice

beforeAll(async () => {
  stack = await startStack()
  events = await watchEvents(stack)
  receiver = await startReceiver()
  const token = await stack.deviceToken(DEVICE)
  device = await connectDevice({ url: stack.talarias[0]!.url, deviceId: DEVICE, token })
})

afterAll(async () => {
  await device[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await events[Symbol.asyncDispose]()
  await stack[Symbol.asyncDispose]()
})

/** Sends events that want an acknowledgement, and resolves once all are published. */
async function publish(transactions: readonly string[]): Promise<void> {
  for (const transaction_uuid of transactions) {
    device.send({ msg_type: 4, source: DEVICE, dest: 'event:test/x', transaction_uuid, qos: 75 })
  }
  await Promise.all(
    transactions.map((transaction) =>
      events.first(({ message }) => message.transaction_uuid === transaction),
    ),
  )
}

const transactionOf = ({ body }: ReceivedRequest): string => decode(body).transaction_uuid ?? ''

const names = (prefix: string): string[] =>
  Array.from({ length: 25 }, (_, index) => `${prefix}-${index}`)

it('loses no event when Caduceus is killed between publish and delivery', async () => {
  const environment = { ...stack.caduceusEnvironment, CADUCEUS_ATTEMPT_MS: ATTEMPT_MS }
  await using first = await startAppProcess('caduceus', environment)
  await register(first.url, receiver.url)
  // The receiver takes and never answers: these are in hand when the process dies.
  receiver.setBehaviour(() => new Promise(() => {}))
  const inHand = names('in-hand')
  await publish(inHand)
  await receiver.next((request) => transactionOf(request).startsWith('in-hand'))
  await first.kill('SIGKILL')

  // These come while there is no Caduceus at all.
  const meanwhile = names('meanwhile')
  await publish(meanwhile)
  const receivedBefore = receiver.received.length
  receiver.setBehaviour(() => ({ status: 200 }))
  await using _second = await startAppProcess('caduceus', environment)

  await eventually(
    () => {
      const delivered = new Set(receiver.received.slice(receivedBefore).map(transactionOf))
      expect([...inHand, ...meanwhile].filter((each) => !delivered.has(each))).toEqual([])
    },
    { withinMs: 15_000 },
  )
})

it('delivers by another Caduceus within seconds what a killed one had in hand, and slow ones once', async () => {
  const environment = { ...stack.caduceusEnvironment, CADUCEUS_ATTEMPT_MS: '20000' }
  // Of its own: what another webhook is still owed would take places.
  await using slow = await startReceiver()
  await using first = await startAppProcess('caduceus', environment)
  await register(first.url, slow.url)
  const released = Promise.withResolvers<void>()
  slow.setBehaviour(() => released.promise.then(() => ({ status: 200 })))
  const transactions = Array.from({ length: 10 }, (_, index) => `killed-${index}`)
  await publish(transactions)
  const timesOf = (prefix: string): number =>
    slow.received.filter((request) => transactionOf(request).startsWith(prefix)).length
  await eventually(() => expect(timesOf('killed-')).toBe(10), { withinMs: 10_000 })

  await using _second = await startAppProcess('caduceus', environment)
  await first.kill('SIGKILL')
  const killedAt = performance.now()
  await eventually(() => expect(timesOf('killed-')).toBe(20), { withinMs: 15_000 })
  expect(performance.now() - killedAt).toBeLessThan(10_000)

  // They take longer than the ack wait now, and stay where they are.
  const from = performance.now()
  await eventually(() => expect(performance.now() - from).toBeGreaterThan(7_500), {
    withinMs: 10_000,
  })
  released.resolve()
  await publish(['later'])
  await slow.next((request) => transactionOf(request) === 'later')
  expect(timesOf('killed-')).toBe(20)
}, 60_000)

it('delivers what was published while Caduceus ended in order and started again', async () => {
  await using first = await startAppProcess('caduceus', stack.caduceusEnvironment)
  await register(first.url, receiver.url)
  expect(await first.kill('SIGTERM')).toBe(0)
  const meanwhile = names('orderly')
  await publish(meanwhile)
  await using _second = await startAppProcess('caduceus', stack.caduceusEnvironment)
  await eventually(() => {
    const delivered = receiver.received.map(transactionOf)
    // Nothing was in hand, so nothing is given out twice.
    expect(delivered.filter((each) => each.startsWith('orderly')).toSorted()).toEqual(
      meanwhile.toSorted(),
    )
  })
})

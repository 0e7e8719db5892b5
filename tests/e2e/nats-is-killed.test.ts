import { afterAll, beforeAll, expect, it } from 'vitest'
import { decode } from '#libs/wrp/codec.ts'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'
import { answerRequests, isOpen } from '#tests/support/device-answers.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'
import { register } from '#tests/support/registration.ts'
import { startStack, type Stack } from '#tests/support/stack.ts'

const DEVICE = 'mac:112233445566'

let stack: Stack
let receiver: Receiver
let device: TestDevice

beforeAll(async () => {
  stack = await startStack({ caduceus: true })
  receiver = await startReceiver()
  await register(stack.caduceus!.url, receiver.url)
  const token = await stack.deviceToken(DEVICE)
  device = await connectDevice({ url: stack.talarias[0]!.url, deviceId: DEVICE, token })
})

afterAll(async () => {
  await device[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await stack[Symbol.asyncDispose]()
})

it('loses no acknowledged event and no device when nats-server is killed', async () => {
  answerRequests(device, 'here')
  const acknowledged = new Set<string>()
  device.socket.on('message', (data: Buffer) => {
    const { msg_type: type, rdr, transaction_uuid: transaction = '' } = decode(data)
    if (type === 4 && rdr === 0) acknowledged.add(transaction)
  })
  let sentCount = 0
  const sending = setInterval(() => {
    const transaction_uuid = `event-${sentCount++}`
    device.send({ msg_type: 4, source: DEVICE, dest: 'event:test/x', transaction_uuid, qos: 75 })
  }, 5)
  try {
    await eventually(() => expect(acknowledged.size).toBeGreaterThan(20))
    await stack.nats.server.stop('SIGKILL')
    const whenKilled = acknowledged.size
    // A caller learns at once that it cannot be, and not by a time-out.
    await eventually(async () => {
      expect((await stack.caller.ask(DEVICE, 'config')).status).toBe(503)
    })
    await stack.nats.server.restart()
    await eventually(() => expect(acknowledged.size).toBeGreaterThan(whenKilled + 20), {
      withinMs: 15_000,
    })
  } finally {
    clearInterval(sending)
  }

  expect(isOpen(device)).toBe(true)
  await eventually(async () => {
    expect((await stack.caller.ask(DEVICE, 'config')).text).toBe('here')
  })
  await eventually(
    () => {
      const delivered = new Set(
        receiver.received.map(({ body }) => decode(body).transaction_uuid ?? ''),
      )
      expect([...acknowledged].filter((each) => !delivered.has(each))).toEqual([])
    },
    { withinMs: 15_000 },
  )
})

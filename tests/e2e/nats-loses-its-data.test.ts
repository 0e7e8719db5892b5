import { afterAll, beforeAll, expect, it } from 'vitest'
import { decode } from '#libs/wrp/codec.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'
import { answerRequests, isOpen } from '#tests/support/device-answers.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'
import { redirectOf } from '#tests/support/redirect.ts'
import { register } from '#tests/support/registration.ts'
import { startStack, type Stack } from '#tests/support/stack.ts'

const DEVICE = 'mac:112233445566'

/** What is missing is looked for every few seconds, and a lease is renewed every five. */
const withinMs = 20_000

let stack: Stack
let receiver: Receiver
let device: TestDevice

beforeAll(async () => {
  stack = await startStack({ caduceus: true })
  receiver = await startReceiver()
  await register(stack.caduceus!.url, receiver.url)
  const token = await stack.deviceToken(DEVICE)
  device = await connectDevice({ url: stack.talarias[0]!.url, deviceId: DEVICE, token })
  answerRequests(device, 'here')
})

afterAll(async () => {
  await device?.[Symbol.asyncDispose]()
  await receiver?.[Symbol.asyncDispose]()
  await stack?.[Symbol.asyncDispose]()
})

const readinessOf = async ({ operationsUrl }: App): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${operationsUrl}/readyz`)
  return { status: response.status, text: await response.text() }
}

const send = (transaction: string): void =>
  device.send({
    msg_type: 4,
    source: DEVICE,
    dest: 'event:test/x',
    transaction_uuid: transaction,
    qos: 75,
  })

const delivered = (): (string | undefined)[] =>
  receiver.received.map(({ body }) => decode(body).transaction_uuid)

it('everything goes on without a restart when NATS lost its data and streams are applied again', async () => {
  const [talaria] = stack.talarias as [App]
  const { caduceus } = stack as { caduceus: App }
  send('before')
  await eventually(() => expect(delivered()).toContain('before'))

  await stack.nats.loseAll()
  for (const app of [talaria, caduceus]) {
    await eventually(
      async () => {
        const { status, text } = await readinessOf(app)
        expect(status).toBe(503)
        expect(text).toContain('missing in NATS')
      },
      { withinMs },
    )
  }
  // It is held back, as its device waits for an acknowledgement, and kept by the device's Talaria.
  send('while they are missing')
  expect(await redirectOf(stack, DEVICE)).toBe(talaria.url)

  await stack.nats.apply()
  await eventually(() => expect(delivered()).toContain('while they are missing'), { withinMs })
  send('after')
  await eventually(() => expect(delivered()).toContain('after'), { withinMs })
  for (const app of [talaria, caduceus]) {
    await eventually(async () => expect((await readinessOf(app)).status).toBe(200), { withinMs })
  }
  expect(isOpen(device)).toBe(true)
  expect((await stack.caller.ask(DEVICE, 'config')).text).toBe('here')

  // A Talaria that comes now is seen by Petasos, which watches another bucket than at its start.
  await stack.startTalaria('talaria-new')
  await eventually(
    async () => {
      const page = await (await fetch(`${stack.petasos.operationsUrl}/metrics`)).text()
      expect(page).toContain('xmidt_petasos_talarias{state="live"} 2')
    },
    { withinMs },
  )
}, 120_000)

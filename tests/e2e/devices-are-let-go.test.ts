/** A device that its Talaria lets go loses nothing: no answer, no event, and no event comes twice. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { decode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { startAppProcess } from '#tests/support/app-process.ts'
import { basicOf } from '#tests/support/caller.ts'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'
import { answerRequests } from '#tests/support/device-answers.ts'
import { watchEvents } from '#tests/support/events.ts'
import { eventually } from '#tests/support/eventually.ts'
import { CALLER_CREDENTIAL, startStack, type Stack } from '#tests/support/stack.ts'

let stack: Stack
let deviceCount = 0

beforeAll(async () => {
  stack = await startStack({ environment: { TALARIA_LEAVE_MS: '2000' } })
})

afterAll(() => stack[Symbol.asyncDispose]())

async function connect(url: string, deviceId?: string): Promise<TestDevice & { id: string }> {
  const id = deviceId ?? `mac:${(0x22_33_44_00_00_00 + deviceCount++).toString(16)}`
  const device = await connectDevice({
    url,
    deviceId: id,
    token: await stack.deviceToken(id),
  })
  return Object.assign(device, { id })
}

const headers = { authorization: basicOf(CALLER_CREDENTIAL) }

const drain = async (): Promise<void> => {
  const url = `${stack.talarias[0]!.operationsUrl}/api/v3/device/drain`
  // One at a time: the one before may not be over yet.
  await eventually(async () =>
    expect((await fetch(url, { method: 'POST', headers })).status).toBe(200),
  )
}

/** How many commands were not written, as their device was being let go. */
async function letPassCount(): Promise<number> {
  const page = await (await fetch(`${stack.talarias[0]!.operationsUrl}/metrics`)).text()
  return Number(/commands_refused_total\{reason="leaving"\} (\d+)/.exec(page)?.[1])
}

const answer = (device: TestDevice, command: WrpMessage): void => {
  const { source = '', dest = '', transaction_uuid = '' } = command
  const payload = new TextEncoder().encode('here')
  device.send({ msg_type: 3, source: dest, dest: source, transaction_uuid, payload })
}

it('a command in its hands is answered before it is closed, and the next one finds it elsewhere', async () => {
  await using other = await startAppProcess('talaria', stack.talariaEnvironment('other'))
  const device = await connect(stack.talarias[0]!.url)
  const asked = stack.caller.ask(device.id, 'config')
  const command = await device.next()
  await drain()
  // Written to nobody: it is asked again until the device is there.
  const next = stack.caller.ask(device.id, 'config')
  await eventually(async () => expect(await letPassCount()).toBeGreaterThan(0))
  answer(device, command)
  expect((await asked).text).toBe('here')
  expect(await device.closed).toEqual({ code: 1001, reason: 'drained' })
  await using again = await connect(other.url, device.id)
  answerRequests(again, 'there')
  expect((await next).text).toBe('there')
  expect(device.received).toHaveLength(1)
  expect(await other.kill('SIGTERM')).toBe(0)
}, 30_000)

it('one that is on its way to another Talaria is not said to be away', async () => {
  await using device = await connect(stack.talarias[0]!.url)
  const asked = stack.caller.ask(device.id, 'config')
  const command = await device.next()
  const before = await letPassCount()
  await drain()
  const next = stack.caller.ask(device.id, 'config')
  await eventually(async () => expect(await letPassCount()).toBeGreaterThan(before))
  answer(device, command)
  await device.closed
  expect((await asked).text).toBe('here')
  const { status, text } = await next
  expect([status, text]).toEqual([503, expect.stringContaining('the request was not sent')])
  await eventually(async () => {
    expect((await stack.caller.ask(device.id, 'config')).status).toBe(404)
  })
}, 30_000)

it('one that never answers is closed all the same, when its time is over', async () => {
  await using mute = await connect(stack.talarias[0]!.url)
  const asked = stack.caller.ask(mute.id, 'config')
  await mute.next()
  await drain()
  const closing = performance.now()
  await mute.closed
  expect(performance.now() - closing).toBeGreaterThan(1_500)
  expect((await asked).status).toBe(504)
})

it('a Talaria that ends answers what is in the hands of its devices', async () => {
  await using ending = await startAppProcess('talaria', stack.talariaEnvironment('ending'))
  const devices = await Promise.all([1, 2, 3, 4, 5].map(() => connect(ending.url)))
  const asked = devices.map(({ id }) => stack.caller.ask(id, 'config'))
  const commands = await Promise.all(devices.map((device) => device.next()))
  const ended = ending.kill('SIGTERM')
  await eventually(async () => {
    const response = await fetch(`${stack.petasos.url}/api/v2/device`, {
      redirect: 'manual',
      headers: { 'X-Webpa-Device-Name': devices[0]!.id },
    })
    expect(response.headers.get('location')).toContain(stack.talarias[0]!.url)
  })
  devices.forEach((device, index) => answer(device, commands[index]!))
  expect((await Promise.all(asked)).map(({ text }) => text)).toEqual(devices.map(() => 'here'))
  expect(await ended).toBe(0)
}, 30_000)

it('each event that it sent just before is stored and acknowledged, or neither', async () => {
  await using events = await watchEvents(stack)
  const acknowledged = new Set<string>()
  const sent = new Set<string>()
  for (let round = 0; round < 5; round += 1) {
    const device = await connect(stack.talarias[0]!.url)
    device.socket.on('message', (bytes: Buffer) => {
      const { transaction_uuid: transaction = '', rdr } = decode(bytes)
      if (rdr === 0) acknowledged.add(transaction)
    })
    const messages = Array.from({ length: 200 }, (_, index) => ({
      msg_type: 4,
      source: device.id,
      dest: 'event:let-go/x',
      transaction_uuid: `${round}-${index}`,
      qos: 75,
    }))
    for (const { transaction_uuid } of messages) sent.add(transaction_uuid)
    device.inOneWrite(messages.slice(0, 100))
    await device.next(({ rdr }) => rdr === 0)
    device.inOneWrite(messages.slice(100))
    await drain()
    await device.closed
  }
  expect(acknowledged.size).toBeGreaterThan(100)
  await eventually(() => {
    const stored = events.seen.map(({ message }) => message.transaction_uuid ?? '')
    const ours = stored.filter((transaction) => sent.has(transaction))
    expect(ours.toSorted()).toEqual([...acknowledged].toSorted())
  })
}, 30_000)

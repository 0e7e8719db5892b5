import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'
import { connectStatusOf } from '#tests/support/device-answers.ts'
import { watchEvents, type Events } from '#tests/support/events.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startStack, type Stack } from '#tests/support/stack.ts'

const ID = 'mac:112233445566'

let stack: Stack
let events: Events
let eventCount = 0

beforeAll(async () => {
  // One device is refused many times here: how long it would wait is another test's.
  stack = await startStack({ environment: { TALARIA_REFUSAL_HOLD_MS: '0' } })
  events = await watchEvents(stack)
})

afterAll(async () => {
  await events[Symbol.asyncDispose]()
  await stack[Symbol.asyncDispose]()
})

const talariaUrl = (): string => stack.talarias[0]!.url

const connect = async (id = ID): Promise<TestDevice> =>
  connectDevice({ url: talariaUrl(), deviceId: id, token: await stack.deviceToken(id) })

/** The status that an attempt to connect gets instead of a websocket. */
const statusOf = (headers: Record<string, string>, version = 'v2'): Promise<number> =>
  connectStatusOf(`${talariaUrl()}/api/${version}/device`, headers)

/** An event that arrives, as the proof that a connection is still in use. */
async function expectAlive(device: TestDevice): Promise<void> {
  const dest = `event:proof/${eventCount++}`
  device.send({ msg_type: 4, source: ID, dest })
  await events.first(({ message }) => message.dest === dest)
}

const droppedCount = async (): Promise<number> => {
  const page = await (await fetch(`${stack.talarias[0]!.operationsUrl}/metrics`)).text()
  return page
    .split('\n')
    .filter((line) => line.startsWith('xmidt_talaria_frames_dropped_total'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

describe('a device that connects', () => {
  it('without a token is refused: 401, after which a genuine one backs off', async () => {
    const headers = { 'X-Webpa-Device-Name': ID }
    expect(await statusOf(headers, 'v3')).toBe(401)
    expect(await statusOf(headers, 'v2')).toBe(401)
  })

  it('with a token that is none, or not of Themis, is refused', async () => {
    const [header, claims, signature] = (await stack.deviceToken(ID)).split('.')
    const forged = `${header}.${claims}.${signature!.startsWith('A') ? 'B' : 'A'}${signature!.slice(1)}`
    for (const bad of ['garbage', 'a.b.c', forged]) {
      const headers = { 'X-Webpa-Device-Name': ID, Authorization: `Bearer ${bad}` }
      const status = await statusOf(headers)
      expect([400, 401, 403]).toContain(status)
    }
  })

  it('with an id that is none, or with none, is refused', async () => {
    const authorization = `Bearer ${await stack.deviceToken(ID)}`
    for (const name of ['mac:1122', 'event:x', 'nobody']) {
      const headers = { 'X-Webpa-Device-Name': name, Authorization: authorization }
      expect([name, await statusOf(headers)]).toEqual([name, 400])
    }
    expect(await statusOf({ Authorization: authorization })).toBe(400)
  })

  it("with an id that is not its token's is refused", async () => {
    const authorization = `Bearer ${await stack.deviceToken(ID)}`
    const headers = { 'X-Webpa-Device-Name': 'mac:665544332211', Authorization: authorization }
    expect(await statusOf(headers)).toBe(403)
  })
})

describe('a device that is connected', () => {
  const event: WrpMessage = { msg_type: 4, source: ID, dest: 'event:x/y' }

  it.each<[string, Uint8Array | string]>([
    ['garbage', Buffer.from('ffc1deadbeef', 'hex')],
    ['half a message', encode(event).subarray(0, 9)],
    ['a text frame', 'hello'],
    ['an empty frame', new Uint8Array()],
    ['an event of another device', encode({ ...event, source: 'mac:665544332211' })],
    ['an event without a source', encode({ msg_type: 4, dest: 'event:x/y' })],
    ['a type that there is not', encode({ ...event, msg_type: 77 })],
  ])(
    'and sends %s keeps its connection, and the frame is dropped and counted',
    async (_, frame) => {
      await using device = await connect()
      await expectAlive(device)
      const before = { seen: events.seen.length, dropped: await droppedCount() }
      device.socket.send(frame)
      await expectAlive(device)
      await eventually(async () => expect(await droppedCount()).toBe(before.dropped + 1))
      const passed = events.seen.slice(before.seen).map(({ message }) => message.dest)
      expect(passed).not.toContain(event.dest)
    },
  )
})

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { commandHeaders, readReply } from '#libs/nats/command/reply.ts'
import { commandSubject, statSubject } from '#libs/nats/subjects.ts'
import type { CommandOutcome } from '#libs/nats/command/pending-command.ts'
import { decode, encode } from '#libs/wrp/codec.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import type { TestDevice } from '#tests/support/device.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTalariaBench, type TalariaBench } from '#tests/support/talaria.ts'

let bench: TalariaBench
let talaria: App

beforeAll(async () => {
  bench = await startTalariaBench()
  talaria = await bench.startTalaria({ TALARIA_ID: 'here', TALARIA_DEVICE_QUEUE_MAX: '3' })
})

afterAll(async () => {
  await talaria[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const commandTo = (id: string, more: Partial<WrpMessage> = {}): WrpMessage => ({
  msg_type: 3,
  source: 'dns:caller',
  dest: `${id}/config`,
  transaction_uuid: randomUUID(),
  payload: new TextEncoder().encode('{}'),
  qos: 0,
  ...more,
})

const ask = (id: string, message: WrpMessage, timeoutMs = 5_000): Promise<CommandOutcome> =>
  bench.commander.request(commandSubject(parseDeviceId(id)), encode(message), { timeoutMs })

const answerOf = ({ source = '', dest = '', transaction_uuid = '' }: WrpMessage): WrpMessage => ({
  msg_type: 3,
  source: dest,
  dest: source,
  transaction_uuid,
  payload: new TextEncoder().encode('{"statusCode":200}'),
})

/** A device whose subscription is known to the server. */
async function connected(id: string, to = talaria): Promise<TestDevice> {
  const device = await bench.connect(to, id)
  await bench.event(({ message }) => message.dest === `event:device-status/${id}/online`)
  await eventually(() => bench.scytale.connection.request(statSubject(parseDeviceId(id))))
  return device
}

const isOf =
  ({ transaction_uuid }: WrpMessage) =>
  (message: WrpMessage): boolean =>
    message.transaction_uuid === transaction_uuid

const missing = (): never => {
  throw new Error('it has not come')
}

describe('a command', () => {
  it('reaches the device byte for byte, and its stamped answer comes back', async () => {
    const id = bench.newDevice()
    await using device = await connected(id)
    device.onCommand(answerOf)
    const command = commandTo(id)
    const outcome = await ask(id, command)
    expect(device.received[0]).toEqual(command)
    expect(outcome.outcome).toBe('answered')
    const answer = decode(outcome.outcome === 'answered' ? outcome.bytes : new Uint8Array())
    expect(answer).toMatchObject({
      transaction_uuid: command.transaction_uuid,
      partner_ids: ['comcast'],
    })
  })

  it("that is an event without partners carries the device's, as it would end for good over it", async () => {
    const id = bench.newDevice()
    await using device = await connected(id)
    for (const partner_ids of [undefined, [], ['']]) {
      const event = commandTo(id, { msg_type: 4, ...(partner_ids && { partner_ids }) })
      expect(await ask(id, event)).toMatchObject({ outcome: 'answered' })
      const got = await eventually(() => device.received.find(isOf(event)) ?? missing())
      expect(got).toEqual({ ...event, partner_ids: ['comcast'] })
    }
  })

  it.each([
    ['an event', 4, ['sky']],
    ['a request', 3, ['sky', '*']],
    ['a retrieve', 6, ['*']],
  ])('that is %s for other partners never reaches the device', async (_, msg_type, partner_ids) => {
    const id = bench.newDevice()
    await using device = await connected(id)
    const refused = await ask(id, commandTo(id, { msg_type, partner_ids }))
    expect(refused).toMatchObject({ outcome: 'refused', code: 403 })
    // The next one reaches it, so the one before would have.
    const allowed = commandTo(id, { msg_type: 4, partner_ids: ['sky', 'Comcast'] })
    await ask(id, allowed)
    await eventually(() => device.received.find(isOf(allowed)) ?? missing())
    expect(device.received).toHaveLength(1)
  })

  it('for a device of which no partner is known goes as it is', async () => {
    const id = bench.newDevice()
    const token = await bench.sign({ 'device-id': id })
    const device = await bench.connect(talaria, id, { token })
    await eventually(() => bench.scytale.connection.request(statSubject(parseDeviceId(id))))
    const event = commandTo(id, { msg_type: 4, partner_ids: ['sky'] })
    await ask(id, event)
    await eventually(() => device.received.find(isOf(event)) ?? missing())
    await device.close()
  })

  it('finds no responders for a device that is not here, or not any more', async () => {
    expect(await ask('mac:ffffffffffff', commandTo('mac:ffffffffffff'))).toEqual({
      outcome: 'no-responders',
    })
    const id = bench.newDevice()
    const device = await connected(id)
    await device.close()
    await eventually(async () => {
      expect(await ask(id, commandTo(id))).toEqual({ outcome: 'no-responders' })
    })
  })

  it('that the device is slow with gets a receipt first, and 504 at its deadline', async () => {
    const id = bench.newDevice()
    await using _device = await connected(id)
    const replies: ReturnType<typeof readReply>[] = []
    const inbox = bench.scytale.createInbox()
    bench.scytale.connection.subscribe(inbox, {
      callback: (_error, message) => void replies.push(readReply(message)),
    })
    const began = performance.now()
    bench.scytale.connection.publish(commandSubject(parseDeviceId(id)), encode(commandTo(id)), {
      reply: inbox,
      headers: commandHeaders(400),
    })
    await eventually(() => expect(replies).toHaveLength(2))
    expect(replies[0]).toEqual({ kind: 'receipt', talaria: 'here' })
    expect(replies[1]).toMatchObject({ kind: 'error', code: 504 })
    expect(performance.now() - began).toBeGreaterThanOrEqual(390)
  })

  it('that lay unread while its Talaria stood still gets its receipt at once', async () => {
    const id = bench.newDevice()
    await using _device = await connected(id)
    const answers: string[] = []
    const inbox = bench.scytale.createInbox()
    bench.scytale.connection.subscribe(inbox, {
      callback: (_error, message) => void answers.push(readReply(message).kind),
    })
    bench.scytale.connection.publish(commandSubject(parseDeviceId(id)), encode(commandTo(id)), {
      reply: inbox,
    })
    await bench.scytale.connection.flush()
    // The test and its Talaria share a process.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    const began = performance.now()
    await eventually(() => expect(answers).toEqual(['receipt']))
    expect(performance.now() - began).toBeLessThan(90)
  })

  it('with a transaction that is waiting already gets 400, and the first its answer', async () => {
    const id = bench.newDevice()
    await using device = await connected(id)
    const command = commandTo(id)
    const first = ask(id, command)
    await device.next()
    expect(await ask(id, command)).toMatchObject({
      outcome: 'refused',
      code: 400,
      text: 'Could not process device request: that transaction is already registered',
    })
    device.send(answerOf(command))
    expect((await first).outcome).toBe('answered')
  })

  it('beyond what the device may have waiting gets 503', async () => {
    const id = bench.newDevice()
    await using device = await connected(id)
    const waiting = [1, 2, 3].map(() => ask(id, commandTo(id)))
    for (const _ of waiting) await device.next()
    expect(await ask(id, commandTo(id))).toMatchObject({ outcome: 'refused', code: 503 })
    await device.close()
    for (const outcome of await Promise.all(waiting)) {
      expect(outcome).toMatchObject({ outcome: 'refused', code: 504 })
    }
  })

  it('that has no answer is answered empty when it is written', async () => {
    const id = bench.newDevice()
    await using device = await connected(id)
    const event: WrpMessage = { msg_type: 4, source: 'dns:x', dest: `${id}/y` }
    const outcome = await ask(id, event)
    expect(outcome.outcome === 'answered' && outcome.bytes.length).toBe(0)
    expect(await device.next()).toMatchObject(event)
  })

  it('that is no WRP, has no transaction or is for another device gets 400', async () => {
    const id = bench.newDevice()
    await using device = await connected(id)
    const { transaction_uuid: _, ...without } = commandTo(id)
    for (const message of [without, commandTo('mac:ffffffffffff')]) {
      expect(await ask(id, message)).toMatchObject({ outcome: 'refused', code: 400 })
    }
    const subject = commandSubject(parseDeviceId(id))
    const garbage = await bench.commander.request(subject, new Uint8Array([0xc1]), {
      timeoutMs: 5_000,
    })
    expect(garbage).toMatchObject({ outcome: 'refused', code: 400 })
    expect(device.received).toEqual([])
  })
})

describe('the statistics', () => {
  it('are those of the connection, in the form of upstream', async () => {
    const id = bench.newDevice()
    await using device = await connected(id)
    device.onCommand(answerOf)
    const command = commandTo(id)
    await ask(id, command)
    const subject = statSubject(parseDeviceId(id))
    const reply = await bench.scytale.connection.request(subject)
    const bytesSent = encode(command).length
    expect(reply.json()).toMatchObject({
      id,
      pending: 0,
      statistics: { bytesSent, messagesSent: 1, messagesReceived: 1, duplications: 0 },
    })
    expect(JSON.stringify(reply.json())).toMatch(/"upTime":"[\d.]+m?s"/)
  })
})

/** What one device can do to the others of its Talaria: each test is an attack. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { commandSubject } from '#libs/nats/subjects.ts'
import { encode } from '#libs/wrp/codec.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import type { TestDevice } from '#tests/support/device.ts'
import { eventually } from '#tests/support/eventually.ts'
import { counted, startTalariaBench, type TalariaBench } from '#tests/support/talaria.ts'

let bench: TalariaBench
let talaria: App

beforeAll(async () => {
  bench = await startTalariaBench()
  talaria = await bench.startTalaria()
})

afterAll(async () => {
  await talaria[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const online = (id: string) =>
  bench.event(({ message }) => message.dest === `event:device-status/${id}/online`)

/** What comes of a command to a device that answers it with `payload`. */
async function commandAnsweredWith(at: App, payload: Uint8Array, count = 1) {
  const id = bench.newDevice()
  await using device = await bench.connect(at, id)
  await online(id)
  device.onCommand(({ transaction_uuid: uuid = '' }) => ({
    msg_type: 3,
    source: id,
    dest: 'dns:caller',
    transaction_uuid: uuid,
    payload,
  }))
  const command = { msg_type: 3, source: 'dns:caller', dest: id, transaction_uuid: 't', qos: 0 }
  const ask = () =>
    bench.commander.request(commandSubject(parseDeviceId(id)), encode(command), {
      timeoutMs: 5_000,
    })
  let came = await eventually(async () => {
    const first = await ask()
    expect(first.outcome).not.toBe('no-responders')
    return first
  })
  for (let index = 1; index < count && came.outcome === 'answered'; index += 1) came = await ask()
  return came
}

describe('a device', () => {
  it('whose convey is nested thousands of levels deep comes and goes as any other', async () => {
    const id = bench.newDevice()
    const deep = `${'['.repeat(4_500)}${']'.repeat(4_500)}`
    const convey = `{"hw-model":${deep},"fw-name":"x"}`
    const device = await bench.connect(talaria, id, {
      headers: { 'X-Webpa-Convey': Buffer.from(convey).toString('base64') },
    })
    const told = (status: string) =>
      bench.event(({ message }) => message.dest === `event:device-status/${id}/${status}`)
    const { message: online } = await told('online')
    expect(online.metadata).toMatchObject({ '/fw-name': 'x' })
    expect(online.metadata).not.toHaveProperty('/hw-model')
    await device.close()
    await told('offline')
  })

  it('whose answer or event is larger than NATS takes ends nobody, and it is told at once', async () => {
    await using large = await bench.startTalaria({
      TALARIA_ID: 'large',
      TALARIA_FRAME_BYTES_MAX: '4000000',
    })
    const bystander = await bench.connect(large, bench.newDevice())
    const came = await commandAnsweredWith(large, new Uint8Array(2_000_000))
    expect(came).toMatchObject({ outcome: 'refused', code: 502 })
    expect(
      await counted(large, 'xmidt_talaria_commands_refused_total', 'reason="answer-too-large"'),
    ).toBe(1)
    expect((await commandAnsweredWith(large, new Uint8Array(10))).outcome).toBe('answered')

    const id = bench.newDevice()
    await using device = await bench.connect(large, id)
    const event = { msg_type: 4, source: id, dest: 'event:large', transaction_uuid: 'e', qos: 75 }
    for (const bytes of [2_000_000, 1_048_500]) {
      device.send({ ...event, payload: new Uint8Array(bytes) })
      expect(await device.next()).toMatchObject({ transaction_uuid: 'e', rdr: 4 })
    }
    // The second is larger than the stream takes, which says nothing of how others are stored.
    expect(await counted(large, 'xmidt_talaria_event_store_failures_total')).toBe(0)
    expect(bystander.socket.readyState).toBe(bystander.socket.OPEN)
    await bystander.close()
  })

  it('that sends as fast as it can what takes long to read holds up nobody else', async () => {
    const id = bench.newDevice()
    await using attacker = await bench.connect(talaria, id)
    const spans = Array.from({ length: 120 }, (_, index) => [`${index}`, '1', '2', '3'])
    const slow = encode({
      msg_type: 4,
      source: id,
      dest: 'event:x',
      spans,
      path: '😀'.repeat(20_000),
    })
    const flood = setInterval(() => {
      // What its own socket does not take waits there.
      while (attacker.socket.bufferedAmount < 1_000_000) attacker.socket.send(slow)
    }, 1)
    try {
      const label = 'reason="'
      const pauses = (): Promise<number> =>
        counted(talaria, 'xmidt_talaria_reading_pauses_total', label)
      await eventually(async () => expect(await pauses()).toBeGreaterThan(0), { withinMs: 20_000 })
      const other = await commandAnsweredWith(talaria, new Uint8Array(10), 30)
      expect(other.outcome).toBe('answered')
      const before = await counted(talaria, 'xmidt_talaria_events_stored_total', 'kind="device"')
      const startedAt = performance.now()
      await eventually(() => expect(performance.now() - startedAt).toBeGreaterThan(3_000))
      const after = await counted(talaria, 'xmidt_talaria_events_stored_total', 'kind="device"')
      // Each is 80 kB and more, and a megabyte a second is its rate.
      const seconds = (performance.now() - startedAt) / 1_000
      expect((after - before) / seconds).toBeLessThan(25)
    } finally {
      clearInterval(flood)
      attacker.socket.terminate()
    }
  })

  it('that uses ever new event types is told so, and makes no more subjects than it may', async () => {
    await using narrow = await bench.startTalaria({
      TALARIA_ID: 'narrow',
      TALARIA_DEVICE_EVENT_TYPES_MAX: '3',
      TALARIA_EVENT_TYPES_MAX: '4',
    })
    const rdrOf = async (device: TestDevice, id: string, type: string) => {
      const uuid = `${id}-${type}`
      device.send({
        msg_type: 4,
        source: id,
        dest: `event:${type}/x`,
        transaction_uuid: uuid,
        qos: 75,
      })
      return (await device.next((message) => message.transaction_uuid === uuid)).rdr
    }
    const [first, second] = [bench.newDevice(), bench.newDevice()]
    await using one = await bench.connect(narrow, first)
    await using other = await bench.connect(narrow, second)
    for (const type of ['a', 'b', 'c', 'a']) expect(await rdrOf(one, first, type)).toBe(0)
    expect(await rdrOf(one, first, 'd')).toBe(100)
    expect(await rdrOf(other, second, 'd')).toBe(0)
    // All together have four by now; what is known already may be used on.
    expect(await rdrOf(other, second, 'e')).toBe(100)
    expect(await rdrOf(other, second, 'a')).toBe(0)
    expect(await rdrOf(other, second, 'x'.repeat(65))).not.toBe(0)
    const label = 'reason="event-types-max"'
    expect(await counted(narrow, 'xmidt_talaria_frames_dropped_total', label)).toBe(3)
  })
})

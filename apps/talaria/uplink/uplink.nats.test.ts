import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { encode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { eventually } from '#tests/support/eventually.ts'
import { counted, startTalariaBench, type TalariaBench } from '#tests/support/talaria.ts'

let bench: TalariaBench
let talaria: App

beforeAll(async () => {
  bench = await startTalariaBench()
  talaria = await bench.startTalaria({ TALARIA_FRAME_BYTES_MAX: '65536' })
})

afterAll(async () => {
  await talaria[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

let count = 0
const eventOf = (device: string, more: Partial<WrpMessage> = {}): WrpMessage => ({
  msg_type: 4,
  source: `${device}/config`,
  dest: `event:test/${count++}`,
  transaction_uuid: `t-${count}`,
  ...more,
})

describe('the events of a device', () => {
  it('are stamped with the partner of the token, the session and the time', async () => {
    const id = bench.newDevice()
    await using device = await bench.connect(talaria, id)
    const sent = eventOf(id, { partner_ids: ['mallory'], metadata: { '/a': 'b' } })
    device.send(sent)
    const { message, id: eventId } = await bench.event((each) => each.message.dest === sent.dest)
    const { message: online } = await bench.event(
      (each) => each.message.dest === `event:device-status/${id}/online`,
    )
    expect(message.partner_ids).toEqual(['comcast'])
    expect(message.session_id).toBe(online.session_id)
    expect(message.metadata).toMatchObject({ '/a': 'b' })
    expect(Date.parse(message.metadata?.['/xmidt-timestamp'] ?? '')).toBeGreaterThan(0)
    expect(eventId).toMatch(new RegExp(`^${message.session_id}-\\d+$`))
  })

  it('of qos 25 and more are acknowledged with rdr 0 when the stream has them', async () => {
    const id = bench.newDevice()
    await using device = await bench.connect(talaria, id)
    const sent = eventOf(id, { qos: 25 })
    device.send(sent)
    const ack = await device.next()
    expect(ack).toMatchObject({
      msg_type: 4,
      dest: sent.source,
      transaction_uuid: sent.transaction_uuid,
      rdr: 0,
    })
    expect(ack.source).toMatch(/^dns:/)
    expect(bench.events.some(({ message }) => message.dest === sent.dest)).toBe(true)
  })

  it('of a type that can be no subject are refused with an rdr that is not 0', async () => {
    const id = bench.newDevice()
    await using device = await bench.connect(talaria, id)
    device.send(eventOf(id, { dest: `event:${'x'.repeat(300)}/y`, qos: 80 }))
    expect((await device.next()).rdr).toBe(1)
  })

  it('with a source or destination that is too long are refused, as patterns run over them', async () => {
    const id = bench.newDevice()
    await using device = await bench.connect(talaria, id)
    const label = 'reason="locator-too-long"'
    const before = await counted(talaria, 'xmidt_talaria_frames_dropped_total', label)
    const longest = eventOf(id, { source: `${id}/${'x'.repeat(511 - id.length)}`, qos: 80 })
    device.send(longest)
    expect((await device.next()).rdr).toBe(0)
    const long = 'x'.repeat(512)
    for (const fault of [{ source: `${id}/${long}` }, { dest: `event:test/${long}` }]) {
      device.send(eventOf(id, { ...fault, qos: 80 }))
      expect((await device.next()).rdr).toBe(1)
    }
    expect(await counted(talaria, 'xmidt_talaria_frames_dropped_total', label)).toBe(before + 2)
  })

  it('of another source are dropped and counted, and the connection stays', async () => {
    const id = bench.newDevice()
    await using device = await bench.connect(talaria, id)
    const label = 'reason="source-foreign"'
    const before = await counted(talaria, 'xmidt_talaria_frames_dropped_total', label)
    const foreign = eventOf(bench.newDevice())
    device.send(foreign)
    const own = eventOf(id)
    device.send(own)
    await bench.event(({ message }) => message.dest === own.dest)
    expect(await counted(talaria, 'xmidt_talaria_frames_dropped_total', label)).toBe(before + 1)
    expect(bench.events.some(({ message }) => message.dest === foreign.dest)).toBe(false)
  })

  it('survive garbage and text between them, which are dropped and counted', async () => {
    const id = bench.newDevice()
    await using device = await bench.connect(talaria, id)
    const before = await counted(talaria, 'xmidt_talaria_frames_dropped_total')
    device.socket.send(Buffer.from([0xc1, 0xff, 0x00]))
    device.socket.send('hello')
    device.socket.send(encode({ msg_type: 9, source: id, service_name: 'x', url: 'y' }))
    device.send(eventOf(id, { dest: 'mac:ffffffffffff/x' }))
    device.send({ msg_type: 3, source: id, dest: 'dns:x', transaction_uuid: 'nobody-waits' })
    const own = eventOf(id)
    device.send(own)
    await bench.event(({ message }) => message.dest === own.dest)
    expect(await counted(talaria, 'xmidt_talaria_frames_dropped_total')).toBe(before + 5)
  })

  it('that are larger than a frame may be end the connection with 1009', async () => {
    const id = bench.newDevice()
    await using device = await bench.connect(talaria, id)
    device.send(eventOf(id, { payload: new Uint8Array(70_000) }))
    expect((await device.closed).code).toBe(1009)
  })

  it('keep their order, and their ids count up', async () => {
    const id = bench.newDevice()
    await using device = await bench.connect(talaria, id)
    // Told once the session's entry is stored, and so perhaps between the device's first events.
    await bench.event(({ message }) => message.dest === `event:device-status/${id}/online`)
    const sent = Array.from({ length: 50 }, () => eventOf(id))
    for (const message of sent) device.send(message)
    await bench.event(({ message }) => message.dest === sent.at(-1)?.dest)
    const dests = bench.events.map(({ message }) => message.dest)
    expect(sent.map(({ dest }) => dests.indexOf(dest))).toEqual(
      sent.map((_, index) => dests.indexOf(sent[0]?.dest) + index),
    )
    expect(new Set(bench.events.map((event) => event.id)).size).toBe(bench.events.length)
  })
})

describe('a burst of events', () => {
  it('of low qos in one write arrives whole: the device is slowed, nothing is dropped', async () => {
    await using narrow = await bench.startTalaria({ TALARIA_DEVICE_EVENTS_MAX: '8' })
    const id = bench.newDevice()
    await using device = await bench.connect(narrow, id)
    const sent = Array.from({ length: 300 }, () => eventOf(id))
    device.inOneWrite(sent)
    await bench.event(({ message }) => message.dest === sent.at(-1)?.dest)
    const dests = new Set(bench.events.map(({ message }) => message.dest))
    expect(sent.filter(({ dest = '' }) => !dests.has(dest))).toEqual([])
    expect(await counted(narrow, 'xmidt_talaria_frames_dropped_total')).toBe(0)
    expect(await counted(narrow, 'xmidt_talaria_reading_pauses_total')).toBeGreaterThan(0)
  })

  it('gets as many acknowledgements as it has events, whatever the length of the queue', async () => {
    await using narrow = await bench.startTalaria({ TALARIA_DEVICE_QUEUE_MAX: '5' })
    const id = bench.newDevice()
    await using device = await bench.connect(narrow, id)
    const sent = Array.from({ length: 1_000 }, () => eventOf(id, { qos: 50 }))
    device.inOneWrite(sent)
    await eventually(() => expect(device.received).toHaveLength(sent.length))
    expect(new Set(device.received.map((each) => each.transaction_uuid)).size).toBe(sent.length)
    expect(device.received.every(({ rdr }) => Number(rdr) === 0)).toBe(true)
  })
})

describe('while the stream takes nothing', () => {
  it('the device is not read from, and what it sent is stored when the stream is back', async () => {
    await using own = await startTalariaBench()
    await using narrow = await own.startTalaria({ TALARIA_DEVICE_EVENTS_MAX: '4' })
    const id = own.newDevice()
    await using device = await own.connect(narrow, id)
    await own.event(({ message }) => message.dest === `event:device-status/${id}/online`)
    await own.testNats.server.stop()
    const low = Array.from({ length: 10 }, () => eventOf(id))
    const important = eventOf(id, { qos: 99 })
    for (const message of [...low, important]) device.send(message)
    await eventually(async () => {
      expect(await counted(narrow, 'xmidt_talaria_reading_pauses_total')).toBe(1)
    })
    expect(device.received).toEqual([])
    await own.testNats.server.restart()
    const ack = await device.next(({ transaction_uuid: uuid }) => {
      return uuid === important.transaction_uuid
    })
    expect(ack.rdr).toBe(0)
    // By the stream's own word: who watches the subjects may be back later than Talaria.
    await eventually(async () => {
      const stored = 'kind="device"'
      expect(await counted(narrow, 'xmidt_talaria_events_stored_total', stored)).toBe(11)
    })
    expect(await counted(narrow, 'xmidt_talaria_frames_dropped_total')).toBe(0)
    const after = eventOf(id, { qos: 50 })
    device.send(after)
    expect((await device.next()).rdr).toBe(0)
  }, 30_000)

  it('what the process may not hold any more is dropped and counted, or refused at once', async () => {
    await using own = await startTalariaBench()
    await using small = await own.startTalaria({ TALARIA_EVENTS_BYTES_MAX: '2097152' })
    await using devices = new AsyncDisposableStack()
    const ids = Array.from({ length: 4 }, () => own.newDevice())
    const connected = []
    for (const id of ids) connected.push(devices.use(await own.connect(small, id)))
    await own.testNats.server.stop()
    const payload = new Uint8Array(900_000)
    const inFlight = async (count: number) =>
      expect(await counted(small, 'xmidt_talaria_events_in_flight')).toBe(count)
    const before = await counted(small, 'xmidt_talaria_events_in_flight')
    for (const index of [0, 1]) {
      connected[index]!.send(eventOf(ids[index]!, { payload }))
      await eventually(() => inFlight(before + index + 1))
    }
    connected[2]!.send(eventOf(ids[2]!, { payload }))
    await eventually(async () => {
      const dropped = 'reason="window-full"'
      expect(await counted(small, 'xmidt_talaria_frames_dropped_total', dropped)).toBe(1)
    })
    connected[3]!.send(eventOf(ids[3]!, { payload, qos: 75 }))
    expect(Number((await connected[3]!.next()).rdr)).toBe(100)
  }, 30_000)

  it('an event is stored as soon as the connection is back, not when its own time-out is over', async () => {
    await using own = await startTalariaBench()
    await using talariaOfIt = await own.startTalaria()
    const id = own.newDevice()
    await using device = await own.connect(talariaOfIt, id)
    await own.event(({ message }) => message.dest === `event:device-status/${id}/online`)
    await own.testNats.server.stop('SIGKILL')
    device.send(eventOf(id, { qos: 75 }))
    await eventually(async () =>
      expect(await counted(talariaOfIt, 'xmidt_talaria_events_in_flight')).toBe(1),
    )
    await own.testNats.server.restart()
    // The client's reconnect comes within 1.3 s; a publish of its own would wait for 5 s.
    await eventually(() => expect(device.received).toHaveLength(1), { withinMs: 4_000 })
    expect(Number(device.received[0]?.rdr)).toBe(0)
  }, 30_000)

  it('it is tried for as long as an election takes, whatever the number of tries', async () => {
    await using own = await startTalariaBench()
    await using talariaOfIt = await own.startTalaria()
    const id = own.newDevice()
    await using device = await own.connect(talariaOfIt, id)
    await own.event(({ message }) => message.dest === `event:device-status/${id}/online`)
    await own.withoutEvents(async () => {
      device.send(eventOf(id, { qos: 75 }))
      await eventually(
        async () =>
          expect(
            await counted(talariaOfIt, 'xmidt_talaria_event_store_failures_total'),
          ).toBeGreaterThan(4),
        { withinMs: 10_000 },
      )
      expect(device.received).toEqual([])
    })
    expect(Number((await device.next()).rdr)).toBe(0)
  }, 30_000)

  it('it is not ready, and is again when events are stored', async () => {
    await using own = await startTalariaBench()
    await using talariaOfIt = await own.startTalaria()
    const ready = async () => (await fetch(`${talariaOfIt.operationsUrl}/readyz`)).status
    const id = own.newDevice()
    await using device = await own.connect(talariaOfIt, id)
    await own.event(({ message }) => message.dest === `event:device-status/${id}/online`)
    expect(await ready()).toBe(200)
    await own.withoutEvents(async () => {
      device.send(eventOf(id, { qos: 75 }))
      await eventually(async () => expect(await ready()).toBe(503), { withinMs: 15_000 })
    })
    await device.next()
    // That a stream is missing is looked at now and then, so it is a moment behind what is stored.
    await eventually(async () => expect(await ready()).toBe(200), { withinMs: 15_000 })
  }, 60_000)
})

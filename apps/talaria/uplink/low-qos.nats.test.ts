import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { EVENT_STREAMS } from '#libs/nats/stream/event-streams.ts'
import { eventually } from '#tests/support/eventually.ts'
import { keepLogLines } from '#tests/support/log-lines.ts'
import { startTalariaBench, type TalariaBench } from '#tests/support/talaria.ts'

let bench: TalariaBench
let talaria: App
const log = keepLogLines()
let library: Nats
let manager: JetStreamManager

beforeAll(async () => {
  bench = await startTalariaBench()
  const url = bench.testNats.urlOf('library')
  library = await connectNats({ url, name: 'test', log: pino({ level: 'silent' }) })
  manager = await jetstreamManager(library.connection)
  for (const stream of EVENT_STREAMS) {
    await manager.streams.update(stream, { max_bytes: 1_024 * 1_024 })
  }
  talaria = await bench.startTalaria({}, log.loggerOf('talaria'))
})

afterAll(async () => {
  await talaria[Symbol.asyncDispose]()
  await library[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const countIn = async (stream: string, type: string): Promise<number> => {
  const { state } = await manager.streams.info(stream, {
    subjects_filter: `xmidt.event.*.${type}.>`,
  })
  return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0)
}

describe('events of low qos', () => {
  it('push out of a full stream nothing that was acknowledged, and no presence', async () => {
    const id = bench.newDevice()
    const event = { msg_type: 4, source: `${id}/config` } as const
    await using device = await bench.connect(talaria, id)
    for (let count = 0; count < 20; count += 1) {
      device.send({ ...event, dest: 'event:promised/x', transaction_uuid: `${count}`, qos: 25 })
      expect((await device.next()).rdr).toBe(0)
    }
    const attackerId = bench.newDevice()
    await using attacker = await bench.connect(talaria, attackerId)
    const payload = new Uint8Array(100_000).map((_, index) => (index * 7_919) % 251)
    for (let count = 0; count < 60; count += 1) {
      const dest = `event:flood/${count}`
      attacker.send({ msg_type: 4, source: `${attackerId}/config`, dest, payload, qos: 24 })
    }
    const last = 'event:flood/59'
    await eventually(
      () => expect(bench.events.map(({ message }) => message.dest)).toContain(last),
      {
        withinMs: 20_000,
      },
    )
    const told = log.lines.filter(({ msg }) => msg === 'devices flood EVENTS_LOW')
    expect(told).toHaveLength(1)
    expect(told[0]).toMatchObject({ deviceCount: 1, worst: [{ deviceId: attackerId }] })
    expect(await countIn('EVENTS_LOW', 'flood')).toBeLessThan(60)
    expect(await countIn('EVENTS_LOW', 'flood')).toBeGreaterThan(0)
    expect(await countIn('EVENTS', 'flood')).toBe(0)
    expect(await countIn('EVENTS', 'promised')).toBe(20)
    expect(await countIn('EVENTS', 'device-status')).toBeGreaterThanOrEqual(2)
  })
})

import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { nanos } from '@nats-io/nats-core'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMetrics } from '#apps/talaria/metrics.ts'
import { createStore } from '#apps/talaria/uplink/store.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { openSessions, type SessionStore } from '#libs/nats/bucket/sessions.ts'
import { encode } from '#libs/wrp/codec.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { applyStreams } from '#nats/apply.ts'
import { eventually } from '#tests/support/eventually.ts'
import { EVENTS_CAPS } from '#tests/support/nats.ts'
import {
  counted,
  startTalariaBench,
  type PassedEvent,
  type TalariaBench,
} from '#tests/support/talaria.ts'
import { createTelling, type Telling } from './telling.ts'

const log = pino({ level: 'silent' })

let bench: TalariaBench
let talaria: App
let sessions: SessionStore
let library: Nats
let manager: JetStreamManager
let telling: Telling

beforeAll(async () => {
  bench = await startTalariaBench()
  talaria = await bench.startTalaria({ TALARIA_ID: 'one.two' })
  sessions = await openSessions(bench.otherTalaria, log)
  library = await connectNats({ url: bench.testNats.urlOf('library'), name: 'test', log })
  manager = await jetstreamManager(library.connection, { checkAPI: false })
  const metrics = createMetrics()
  const nats = bench.otherTalaria
  const store = createStore({ nats, metrics, log })
  telling = await createTelling({ nats, sessions, store, source: 'dns:other', metrics })
})

afterAll(async () => {
  await library[Symbol.asyncDispose]()
  await talaria[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const entryOf = async (id: string) => (await sessions.look('one.two', parseDeviceId(id))).session

/** What the stream has of a device, as the last token of the destination. */
const storedOf = async (id: string): Promise<string[]> => {
  const found: string[] = []
  const { state } = await manager.streams.info('EVENTS', { subjects_filter: '>' })
  const token = id.replace(':', '_')
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage('EVENTS', { seq })
    if (message?.subject.endsWith(`device-status.${token}`)) {
      found.push(message.header.get('Xmidt-Dest').split('/').at(-1) ?? '')
    }
  }
  return found
}

const presenceOf = (id: string, status: string) => (event: PassedEvent) =>
  event.message.dest === `event:device-status/${id}/${status}`

const payloadKeys = ({ payload }: PassedEvent): string[] => Object.keys(payload ?? {})

describe('the entry of a session', () => {
  it('is there while the session is, with what its end is told by, and leaves nothing behind', async () => {
    const id = bench.newDevice()
    const device = await bench.connect(talaria, id)
    const online = await bench.event(presenceOf(id, 'online'))
    const entry = await entryOf(id)
    expect(entry).toMatchObject({
      session: online.message.session_id,
      since: online.payload?.ts,
      partners: ['comcast'],
      metadata: { '/trust': '1000', '/hw-deviceid': id },
    })
    expect(online.id).toBe(`${entry?.session}-online`)
    await device.close()
    const offline = await bench.event(presenceOf(id, 'offline'))
    expect(offline.id).toBe(`${entry?.session}-offline`)
    await eventually(async () => expect(await entryOf(id)).toBeUndefined())
    // The marker of the purge goes, too.
    await eventually(
      async () => {
        expect((await sessions.look('one.two', parseDeviceId(id))).revision).toBe(0)
      },
      { withinMs: 15_000 },
    )
  })

  it('is stored before anything is taken of the device', async () => {
    const id = bench.newDevice()
    await manager.streams.delete('KV_SESSIONS')
    await using device = await bench.connect(talaria, id)
    const event = { msg_type: 4, source: id, dest: 'event:x', qos: 75, transaction_uuid: 't' }
    device.send(event)
    const paused = 'xmidt_talaria_session_store_failures_total'
    await eventually(async () => expect(await counted(talaria, paused)).toBeGreaterThan(0))
    expect(await storedOf(id)).toEqual([])
    expect(device.received).toEqual([])
    await applyStreams(library.connection, { ...EVENTS_CAPS, log })
    expect(await device.next()).toMatchObject({ transaction_uuid: 't', rdr: 0 })
    expect(await entryOf(id)).toBeDefined()
  }, 30_000)

  it('is entered again when the bucket was emptied under a connected device', async () => {
    const id = bench.newDevice()
    await using own = await bench.startTalaria({ TALARIA_ID: 'emptied' })
    await using device = await bench.connect(own, id)
    const look = async () => (await sessions.look('emptied', parseDeviceId(id))).session
    const before = await eventually(async () => {
      const found = await look()
      expect(found).toBeDefined()
      return found
    })
    await manager.streams.purge('KV_SESSIONS', { filter: '$KV.SESSIONS.emptied.>' })
    await manager.streams.purge('KV_SESSIONS', { filter: '$KV.SESSIONS.emptied' })
    // It looks when the members change.
    await using _other = await bench.startTalaria({ TALARIA_ID: 'newcomer' })
    await eventually(async () => expect((await look())?.session).toBe(before?.session))
    expect(device.socket.readyState).toBe(device.socket.OPEN)
  })
})

describe('the end of a session', () => {
  it('is told once EVENTS is back, and its entry stays until then', async () => {
    const id = bench.newDevice()
    const device = await bench.connect(talaria, id)
    await bench.event(presenceOf(id, 'online'))
    await bench.withoutEvents(async () => {
      await device.close()
      await eventually(async () => {
        const page = await (await fetch(`${talaria.operationsUrl}/metrics`)).text()
        expect(page).toMatch(/xmidt_talaria_session_store_failures_total [1-9]/)
      })
      expect(await entryOf(id)).toBeDefined()
    })
    await eventually(async () => expect(await storedOf(id)).toEqual(['offline']), {
      withinMs: 10_000,
    })
    await eventually(async () => expect(await entryOf(id)).toBeUndefined())
  })

  it('that another tells has the same fields, but for what nobody can know', async () => {
    const id = bench.newDevice()
    const device = await bench.connect(talaria, id)
    await bench.event(presenceOf(id, 'online'))
    const entry = (await entryOf(id))!
    await telling.tellFor('gone', entry, 'talaria-gone')
    const told = await bench.event(presenceOf(id, 'offline'))
    const otherId = bench.newDevice()
    await (await bench.connect(talaria, otherId)).close()
    const own = await bench.event(presenceOf(otherId, 'offline'))
    const counters = ['bytes-sent', 'messages-sent', 'bytes-received', 'messages-received']
    expect(payloadKeys(told)).toEqual(payloadKeys(own).filter((key) => !counters.includes(key)))
    expect(Object.keys(told.message).toSorted()).toEqual(Object.keys(own.message).toSorted())
    expect(Object.keys(told.message.metadata!)).toEqual(Object.keys(own.message.metadata!))
    expect(told.payload?.['reason-for-closure']).toBe('*no error*:talaria-gone')
    expect(told.message.session_id).toBe(entry.session)
    // And the Talaria that holds it after all tells no second one.
    await device.close()
    await eventually(async () => expect(await entryOf(id)).toBeUndefined())
    expect(await storedOf(id)).toEqual(['online', 'offline'])
  })
})

describe('whoever tells a session, and however long after another,', () => {
  const put = async (id: string, session: string) => {
    const device = parseDeviceId(id)
    const entry = { session, since: new Date().toISOString(), partners: ['p'], metadata: {} }
    await sessions.put('gone', device, entry, (await sessions.look('gone', device)).revision)
    return (await sessions.look('gone', device)).session!
  }

  beforeAll(async () => {
    // So that JetStream knows no id again.
    const { config } = await manager.streams.info('EVENTS')
    await manager.streams.update('EVENTS', { ...config, duplicate_window: nanos(100) })
  })

  it('tells the online event that was not stored, and each event once', async () => {
    const id = bench.newDevice()
    const entry = await put(id, 'a-session')
    await telling.tellFor('gone', entry, 'talaria-gone')
    expect(await storedOf(id)).toEqual(['online', 'offline'])
    await telling.tellFor('gone', await put(id, 'a-session'), 'talaria-gone')
    expect(await storedOf(id)).toEqual(['online', 'offline'])
  })

  it('many at the same moment store each once', async () => {
    const id = bench.newDevice()
    const entry = await put(id, 'raced')
    await Promise.allSettled(
      Array.from({ length: 8 }, () => telling.tellFor('gone', entry, 'talaria-gone')),
    )
    expect(await storedOf(id)).toEqual(['online', 'offline'])
    expect((await sessions.look('gone', parseDeviceId(id))).session).toBeUndefined()
  })

  it('finds its events behind those of a newer session of the device', async () => {
    const id = bench.newDevice()
    const entry = await put(id, 'older')
    await telling.tell(entry, {
      from: { sequence: 1 },
      storedAt: entry.storedAt,
      offline: undefined,
    })
    await using _device = await bench.connect(talaria, id)
    await bench.event(presenceOf(id, 'online'))
    await eventually(async () => expect(await storedOf(id)).toEqual(['online', 'online']))
    await telling.tellFor('gone', entry, 'talaria-gone')
    expect(await storedOf(id)).toEqual(['online', 'online', 'offline'])
    await telling.tellFor('gone', entry, 'talaria-gone')
    expect(await storedOf(id)).toHaveLength(3)
  })

  it('does not tell anew an online event that has left the stream by its age', async () => {
    const id = bench.newDevice()
    const entry = await put(id, 'old')
    await telling.tell(entry, {
      from: { sequence: 1 },
      storedAt: entry.storedAt,
      offline: undefined,
    })
    await jetstream(library.connection).publish('xmidt.event.0.later._', encode({ msg_type: 4 }))
    const { state } = await manager.streams.info('EVENTS')
    await manager.streams.purge('EVENTS', { seq: state.last_seq })
    await telling.tellFor('gone', entry, 'talaria-gone')
    expect(await storedOf(id)).toEqual(['offline'])
  })
})

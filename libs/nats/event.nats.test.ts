import { jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { parseTraceContext } from '#libs/trace/context.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { connectNats, type Nats } from './connection/connect.ts'
import { publishEvent, readEventHeaders, type OutgoingEvent } from './event.ts'
import { createPublisher } from './stream/publisher.ts'
import { parseEventSubject } from './subjects.ts'
import { readTraceContext } from './trace.ts'

const log = createLogger('test', { level: 'silent' })
let server: TestNats
let nats: Nats

beforeAll(async () => {
  server = await startTestNats()
  nats = await connectNats({ url: server.urlOf('library'), name: 'test', log })
})
afterAll(async () => {
  await nats?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

const event = (fields: Partial<OutgoingEvent> = {}): OutgoingEvent => ({
  id: crypto.randomUUID(),
  device: parseDeviceId('mac:112233445566'),
  type: 'device-status',
  bytes: Uint8Array.of(0x82, 0x00, 0xff),
  dest: 'event:device-status/mac:112233445566/online',
  source: 'mac:112233445566',
  ...fields,
})

async function publishedAs(outgoing: OutgoingEvent) {
  const { seq } = await publishEvent(createPublisher(nats), outgoing)
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  const stored = await manager.streams.getMessage('EVENTS', { seq })
  if (!stored) throw new Error('it is not there')
  return stored
}

describe('an event', () => {
  it('is stored with its bytes unchanged, under the subject of its device and type', async () => {
    const stored = await publishedAs(event())
    expect(stored.data).toEqual(Uint8Array.of(0x82, 0x00, 0xff))
    expect(stored.subject).toMatch(/^xmidt\.event\.\d+\.device-status\.mac_112233445566$/)
    expect(parseEventSubject(stored.subject)).toMatchObject({
      type: 'device-status',
      device: 'mac:112233445566',
    })
  })

  it('published again with the same id is stored once, and the second is told so', async () => {
    const twice = event()
    const first = await publishEvent(createPublisher(nats), twice)
    const second = await publishEvent(createPublisher(nats), twice)
    expect(first.duplicate).toBe(false)
    expect(second).toMatchObject({ duplicate: true, seq: first.seq })
  })

  it('says in its headers what it is, whatever characters the device chose', async () => {
    const outgoing = event({
      type: 'weird.*>type',
      dest: 'event:weird.*>type/a\r\nNats-Msg-Id: forged',
      source: ' mac:112233445566/100% ',
      sessionId: 'session-1',
      transactionUuid: 'überall-中',
      partnerIds: ['comcast', 'sky\u0000'],
      trace: parseTraceContext('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'a=b'),
    })
    const stored = await publishedAs(outgoing)
    expect(readEventHeaders(stored.header)).toEqual({
      id: outgoing.id,
      dest: outgoing.dest,
      source: outgoing.source,
      sessionId: outgoing.sessionId,
      transactionUuid: outgoing.transactionUuid,
      partnerIds: outgoing.partnerIds,
    })
    expect(readTraceContext(stored.header)).toEqual(outgoing.trace)
    expect(parseEventSubject(stored.subject).type).toBe('weird.*>type')
  })

  it('without a device is stored too', async () => {
    const stored = await publishedAs(event({ device: undefined }))
    expect(parseEventSubject(stored.subject).device).toBeUndefined()
  })

  it('leaves out a header that is too long for one, and keeps the others', async () => {
    const stored = await publishedAs(event({ source: 'x'.repeat(513), sessionId: 'kept' }))
    expect(readEventHeaders(stored.header)).toMatchObject({ source: undefined, sessionId: 'kept' })
  })

  it('of a type that cannot be a token is refused before it is sent', () => {
    expect(() => publishEvent(createPublisher(nats), event({ type: '' }))).toThrow(/empty/)
  })

  it('published by hand has headers that say nothing', () => {
    expect(readEventHeaders(undefined)).toMatchObject({ id: '', dest: undefined, partnerIds: [] })
  })

  it('that no server acknowledges is no success', async () => {
    await using own = await startTestNats()
    await using client = await connectNats({ url: own.urlOf('library'), name: 'test', log })
    await own.server.stop('SIGKILL')
    const published = publishEvent(createPublisher(client), event(), { timeoutMs: 300 })
    await expect(published).rejects.toThrow()
  })
})

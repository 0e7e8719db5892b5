import { headers } from '@nats-io/transport-node'
import { describe, expect, it } from 'vitest'
import type { Hook } from '#apps/caduceus/webhook.ts'
import type { PulledMessage } from '#libs/nats/stream/pulled-message.ts'
import { encode } from '#libs/wrp/codec.ts'
import { createEventReader, type ReadEvent } from './event-reader.ts'

const hook = (contentType: string): Hook => ({
  registered_from_address: '',
  config: { url: 'https://receiver.example/', content_type: contentType },
  failure_url: '',
  events: ['.*'],
  matcher: { device_id: ['.*'] },
})

/** As it comes of the stream, for each webhook anew. */
function messageOf(
  seq: number,
  id: string,
  payload: Uint8Array,
  storedAtNanos = '1',
): PulledMessage {
  const made = headers()
  if (id !== '') made.set('Nats-Msg-Id', id)
  const data = encode({ msg_type: 4, source: 'mac:112233445566', dest: 'event:x', payload })
  const raw = rawMessage(seq, data)
  return { ...raw, headers: made, info: { ...raw.info, storedAtNanos } }
}

const rawMessage = (seq: number, data: Uint8Array): PulledMessage => ({
  seq,
  data,
  headers: undefined,
  info: { stream: 'EVENTS', deliveryCount: 1, pending: 0, storedAtNanos: '1' },
  string: () => '',
  ack: () => undefined,
  nak: () => undefined,
  term: () => undefined,
  working: () => undefined,
})

const TEXT = new TextEncoder().encode('{"a":1}')

const bodyOf = (event: ReadEvent | undefined): string =>
  Buffer.from(event?.formFor(hook('json')).body ?? []).toString()

describe('an event that several webhooks get', () => {
  it('is read once, and made ready once for each form', () => {
    const read = createEventReader()
    const first = read(messageOf(7, 'id', TEXT))
    const second = read(messageOf(7, 'id', TEXT))
    expect(second).toBe(first)
    expect(first?.formFor(hook('json'))).toBe(second?.formFor(hook('application/json')))
    expect(first?.formFor(hook('wrp'))).toBe(second?.formFor(hook('application/msgpack')))
    expect(first?.formFor(hook('wrp'))).not.toBe(first?.formFor(hook('json')))
    expect(bodyOf(first)).toBe('{"a":1}')
  })

  it('does not hold what came with it from the server', () => {
    const read = createEventReader()
    const { data, ...rest } = messageOf(7, 'id', TEXT)
    const chunk = Buffer.concat([data, Buffer.alloc(1_000_000)])
    const event = read({ ...rest, data: chunk.subarray(0, data.length) })
    chunk.fill(0)
    expect(bodyOf(event)).toBe('{"a":1}')
    expect(event?.message.payload?.buffer).not.toBe(chunk.buffer)
  })

  it('is not taken for another one that has its number in a stream made anew', () => {
    const read = createEventReader()
    read(messageOf(1, 'one', TEXT))
    const other = read(messageOf(1, 'two', TEXT, '2'))
    const changed = read(messageOf(1, 'two', new TextEncoder().encode('{"a":2}'), '2'))
    expect(other?.id).toBe('two')
    expect(bodyOf(changed)).toBe('{"a":2}')
    expect(read(messageOf(1, '', TEXT, '3'))?.id).toBe('events-1')
  })

  it('is read anew when it is not kept any more: by number, and by bytes', () => {
    const read = createEventReader()
    const first = read(messageOf(1, 'id', TEXT))
    for (let seq = 2; seq <= 1_025; seq += 1) read(messageOf(seq, 'id', TEXT))
    const again = read(messageOf(1, 'id', TEXT))
    expect(again).not.toBe(first)
    for (let seq = 2_001; seq <= 2_005; seq += 1) {
      read(messageOf(seq, 'id', new Uint8Array(900 * 1_024)))
    }
    expect(read(messageOf(1, 'id', TEXT))).not.toBe(again)
  })

  it('is none where it cannot be decoded', () => {
    const read = createEventReader()
    expect(read(rawMessage(3, new Uint8Array([0xc1])))).toBeUndefined()
    expect(read(messageOf(3, 'id', TEXT))?.id).toBe('id')
  })
})

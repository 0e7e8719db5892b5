import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyMessage } from './arbitrary.ts'
import { decode, encode } from './codec.ts'
import { ENTRIES_MAX, PAIRS_MAX, PASSED_OVER_MAX } from './entries.ts'
import { WrpError } from './error.ts'
import { fromJson } from './json.ts'
import { stamp } from './stamp.ts'

const event = { msg_type: 4, source: 'mac:112233445566', dest: 'event:x', qos: 0 }

const codeOf = (act: () => unknown): string | undefined => {
  try {
    act()
  } catch (error) {
    expect(error).toBeInstanceOf(WrpError)
    return (error as WrpError).code
  }
  return undefined
}

/** A map of `headers` alone, whose head claims `count` entries, followed by `rest`. */
const claiming = (head: number[], ...rest: number[]): Uint8Array =>
  Uint8Array.from([0x81, 0xa7, ...Buffer.from('headers'), ...head, ...rest])

describe('the limits of the msgpack reader', () => {
  it('a message of exactly the limit is read, one byte more is not', () => {
    const bytes = encode(event)
    expect(decode(bytes, { bytesMax: bytes.length })).toEqual(event)
    expect(codeOf(() => decode(bytes, { bytesMax: bytes.length - 1 }))).toBe('TOO_LARGE')
  })

  it('a count is believed as far as bytes follow', () => {
    expect(decode(claiming([0x92], 0xa0, 0xa0)).headers).toEqual(['', ''])
    expect(codeOf(() => decode(claiming([0x92], 0xa0)))).toBe('TRUNCATED')
    expect(codeOf(() => decode(claiming([0xdd, 0xff, 0xff, 0xff, 0xff], 0xa0)))).toBe('TRUNCATED')
  })

  it('unknown values are passed over at any depth, as many as there may be and no more', () => {
    const unknown = (values: Buffer): Uint8Array =>
      Buffer.concat([
        Buffer.from([0x80 | ((encode(event)[0]! & 15) + 1), 0xa1, 0x78]),
        values,
        encode(event).subarray(1),
      ])
    const nested = (count: number): Buffer => {
      const values = Buffer.alloc(count, 0x91)
      values[count - 1] = 0xc0
      return values
    }
    const list = (count: number): Buffer =>
      Buffer.concat([Buffer.from([0xdc, count >> 8, count & 0xff]), Buffer.alloc(count, 0xc0)])
    expect(decode(unknown(nested(PASSED_OVER_MAX)))).toEqual(event)
    expect(decode(unknown(list(PASSED_OVER_MAX - 1)))).toEqual(event)
    for (const values of [nested(PASSED_OVER_MAX + 1), nested(1_000_000), list(PASSED_OVER_MAX)]) {
      expect(codeOf(() => decode(unknown(values)))).toBe('TOO_MANY_ENTRIES')
    }
    // Several fields together have no more.
    const half = list(PASSED_OVER_MAX / 2)
    const both = Buffer.concat([
      Buffer.from([0x82, 0xa1, 0x78]),
      half,
      Buffer.from([0xa1, 0x79]),
      half,
    ])
    expect(codeOf(() => decode(both))).toBe('TOO_MANY_ENTRIES')
  })

  it('as many entries as a message may have are read, one more is not, however it is told', () => {
    const texts = (count: number): string[] => Array.from<string>({ length: count }).fill('')
    const full = {
      ...event,
      headers: texts(ENTRIES_MAX - 4),
      partner_ids: ['a'],
      spans: [['b', 'c', 'd']],
    }
    expect(decode(encode(full))).toEqual(full)
    expect(fromJson(JSON.stringify(full))).toEqual(full)
    for (const more of [
      { metadata: { key: '' } },
      { headers: texts(ENTRIES_MAX) },
      { spans: Array.from<string[]>({ length: 4 }).fill([]) },
    ]) {
      expect(codeOf(() => decode(encode({ ...full, ...more })))).toBe('TOO_MANY_ENTRIES')
    }
    expect(codeOf(() => fromJson(JSON.stringify({ ...full, metadata: { key: '' } })))).toBe(
      'TOO_MANY_ENTRIES',
    )
    // The same list again replaces the first, and was read all the same.
    const pair = [
      0xa7,
      ...Buffer.from('headers'),
      0xdc,
      0x01,
      0x01,
      ...Array.from<number>({ length: 257 }).fill(0xa0),
    ]
    expect(codeOf(() => decode(Uint8Array.from([0x82, ...pair, ...pair])))).toBe('TOO_MANY_ENTRIES')
  })

  it('a message has at most as many fields as it may, known or not', () => {
    const pairs = (count: number): Uint8Array =>
      Uint8Array.from([
        0xde,
        count >> 8,
        count & 0xff,
        ...Array.from<number[]>({ length: count }).fill([0xa1, 0x78, 0xc0]).flat(),
      ])
    expect(decode(pairs(PAIRS_MAX))).toEqual({ msg_type: 0 })
    expect(codeOf(() => decode(pairs(PAIRS_MAX + 1)))).toBe('TOO_MANY_ENTRIES')
  })

  it('a type that is nil is none', () => {
    const bytes = Uint8Array.from([0x81, 0xa8, ...Buffer.from('msg_type'), 0xc0])
    expect(codeOf(() => decode(bytes))).toBe('FIELD_INVALID')
  })

  it('numbers are kept up to the ends of int64 and refused over them', () => {
    for (const status of [2n ** 63n - 1n, -(2n ** 63n)]) {
      expect(decode(encode({ ...event, status })).status).toBe(status)
    }
    expect(codeOf(() => encode({ ...event, status: 2n ** 63n }))).toBe('NUMBER_OUT_OF_RANGE')
    expect(codeOf(() => encode({ ...event, status: 1.5 }))).toBe('NUMBER_OUT_OF_RANGE')
  })

  it('texts on either side of each width of length come back, ASCII or not', () => {
    for (const unit of ['a', 'é', '漢', '😀']) {
      for (const length of [15, 16, 31, 32, 48, 49, 255, 256, 65_535, 65_536]) {
        const path = unit.repeat(length)
        expect(decode(encode({ ...event, path })).path).toBe(path)
      }
    }
  })

  it('a message larger than the buffer that is used again comes back whole', () => {
    const payload = new Uint8Array(200_000).fill(7)
    expect(decode(encode({ ...event, payload })).payload).toEqual(payload)
    expect(decode(encode(event))).toEqual(event)
  })
})

describe('numbers in JSON', () => {
  it('never lose a digit silently', () => {
    const text =
      '{"msg_type":4,"status":-9007199254740993,"metadata":{"a":12345678901234567.5,"b":1.50}}'
    expect(fromJson(text)).toEqual({
      msg_type: 4,
      status: -9_007_199_254_740_993n,
      metadata: { a: '12345678901234567.5', b: '1.50' },
    })
    for (const status of ['1.5', '9007199254740993e0', '4.00000000000000001']) {
      expect(
        codeOf(() => fromJson(`{"status":${status}}`)),
        status,
      ).toBe('FIELD_INVALID')
    }
    expect(codeOf(() => fromJson('{"status":9223372036854775808}'))).toBe('NUMBER_OUT_OF_RANGE')
    expect(codeOf(() => fromJson('{"qos":9007199254740993}'))).toBe('NUMBER_OUT_OF_RANGE')
  })

  it('JSON nested without an end is refused, not followed', () => {
    expect(codeOf(() => fromJson('['.repeat(1_000_000)))).toBe('MALFORMED')
    expect(codeOf(() => fromJson(`{"metadata":{"a":1},"x":${'['.repeat(1_000_000)}`))).toBe(
      'MALFORMED',
    )
  })
})

describe('a stamped message', () => {
  it('is the message with the stamp over it, and its bytes say the same', () => {
    const stamped = { partnerIds: ['partner'], sessionId: 'session', metadata: { '/t': 'now' } }
    fc.assert(
      fc.property(anyMessage, (message) => {
        const { message: made, bytes } = stamp(encode(message), stamped)
        expect(made).toEqual({
          ...message,
          content_type: message.content_type ?? 'application/octet-stream',
          partner_ids: ['partner'],
          metadata: { ...message.metadata, '/t': 'now' },
          ...(message.msg_type === 4 && { session_id: 'session' }),
        })
        expect(decode(bytes)).toEqual(made)
      }),
      { numRuns: 500 },
    )
  })

  it('is hardly larger than what came, whatever its entries were', () => {
    const spans = {
      ...event,
      spans: Array.from({ length: ENTRIES_MAX / 4 - 1 }, (_, index) => [
        '',
        ...Array.from<string>({ length: 3 }).fill(String(index)),
      ]),
    }
    const bytes = Buffer.from(encode(spans))
    // Genuine devices write numbers where texts are read: the widest number is nine bytes.
    const wide = Buffer.from([0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0])
    const parts: Buffer[] = []
    const list = bytes.indexOf('spans') + 'spans'.length
    parts.push(bytes.subarray(0, list), Buffer.from([0xdc, 0, ENTRIES_MAX / 4 - 1]))
    for (let index = 0; index < ENTRIES_MAX / 4 - 1; index += 1) {
      parts.push(Buffer.from([0x94]), wide, wide, wide, wide)
    }
    parts.push(Buffer.from([0xa3]), Buffer.from('qos'), Buffer.from([0]))
    const came = Buffer.concat(parts)
    const stamped = stamp(came, { partnerIds: ['p'], sessionId: 's', metadata: { '/t': 'now' } })
    expect(stamped.message.spans?.[0]?.[0]).toBe('-9223372036854775808')
    expect(stamped.bytes.length - came.length).toBeLessThan(8_192)
  })

  it('has no more entries than whoever reads it takes, those of the stamp among them', () => {
    const stamped = { partnerIds: ['p', 'q'], sessionId: 's', metadata: { '/t': 'now' } }
    const headers = (count: number) => Array.from<string>({ length: count }).fill('')
    const full = stamp(encode({ ...event, headers: headers(ENTRIES_MAX - 3) }), stamped)
    expect(decode(full.bytes)).toEqual(full.message)
    expect(
      codeOf(() => stamp(encode({ ...event, headers: headers(ENTRIES_MAX - 2) }), stamped)),
    ).toBe('TOO_MANY_ENTRIES')
  })

  it('is refused when a text is no UTF-8', () => {
    const bytes = encode(event)
    bytes[bytes.indexOf(0x6d, 10)] = 0xff
    expect(codeOf(() => stamp(bytes, { partnerIds: [], sessionId: '', metadata: {} }))).toBe(
      'FIELD_INVALID',
    )
  })
})

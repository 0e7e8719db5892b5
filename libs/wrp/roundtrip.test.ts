import { pack } from 'msgpackr'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyMessage } from './arbitrary.ts'
import { decode, encode } from './codec.ts'
import { WrpError } from './error.ts'
import { fromHeaders, toHeaders } from './headers.ts'
import { fromJson, toJson } from './json.ts'
import { acknowledgement, needsAcknowledgement } from './qos.ts'
import { stamp } from './stamp.ts'
import { validate } from './validate.ts'

const same = (message: object): object => JSON.parse(JSON.stringify(message, plain)) as object
const plain = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? `${value}n` : value instanceof Uint8Array ? [...value] : value

describe('any valid message', () => {
  it('survives msgpack', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(same(decode(encode(message)))).toEqual(same(message))
      }),
      { numRuns: 500 },
    )
  })

  it('survives JSON', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(same(fromJson(toJson(message)))).toEqual(same(message))
      }),
      { numRuns: 500 },
    )
  })

  it('survives headers, apart from spans and a content type without a payload', () => {
    fc.assert(
      fc.property(anyMessage, ({ spans: _, ...message }) => {
        const { headers, body } = toHeaders(message)
        const read = fromHeaders(headers, body)
        const { content_type: type, qos, ...wanted } = message
        const expected = {
          ...wanted,
          ...(message.payload && { content_type: type ?? 'application/octet-stream' }),
          ...(qos && { qos }),
        }
        expect(same(read)).toEqual(same(expected))
      }),
      { numRuns: 500 },
    )
  })

  it('is the same from whatever msgpack another encoder makes of it', () => {
    fc.assert(
      // That encoder writes integers over 32 bits as floats, which are refused.
      fc.property(anyMessage, ({ status: _, rdr: __, ...message }) => {
        expect(same(decode(pack(message)))).toEqual(same(message))
      }),
      { numRuns: 500 },
    )
  })
})

describe('a number that is not exact in JavaScript', () => {
  it('keeps its digits in every form', () => {
    const message = { msg_type: 3, status: 9_007_199_254_740_993n, qos: 0 }
    expect(decode(encode(message)).status).toBe(9_007_199_254_740_993n)
    expect(fromJson(toJson(message)).status).toBe(9_007_199_254_740_993n)
    expect(fromHeaders(toHeaders(message).headers, new Uint8Array()).status).toBe(
      9_007_199_254_740_993n,
    )
  })
})

describe('what a decoder must survive', () => {
  it('a metadata key called __proto__ is an entry like any other', () => {
    const message = decode(encode(fromJson('{"msg_type":4,"metadata":{"__proto__":"x"}}')))
    expect(Object.entries(message.metadata ?? {})).toEqual([['__proto__', 'x']])
  })

  it('a message over the limit is refused before it is read', () => {
    expect(() => decode(new Uint8Array(101), { bytesMax: 100 })).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE', rdr: 4 }),
    )
  })

  it('any bytes make a message or a WrpError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decode(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(WrpError)
        }
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('validation', () => {
  const event = { msg_type: 4, source: 'mac:112233445566', dest: 'event:x' }
  it.each([
    [{ ...event, source: '' }, 2],
    [{ ...event, source: 'nobody' }, 2],
    [{ ...event, dest: '' }, 3],
    [{ ...event, dest: 'event:' }, 3],
    [{ ...event, msg_type: 12 }, 1],
    [{ ...event, msg_type: 3 }, 1],
    [{ ...event, qos: 100 }, 1],
    [{ ...event, status: 200 }, 1],
    [{ msg_type: 9, service_name: 'a/b', url: 'tcp://127.0.0.1:1' }, 1],
    [{ msg_type: 2 }, 1],
  ])('of %j says rdr %i', (message, rdr) => {
    expect(() => validate(message)).toThrow(
      expect.objectContaining({ code: 'MESSAGE_INVALID', rdr }),
    )
  })

  it.each([
    event,
    { msg_type: 2, status: 0 },
    { msg_type: 10 },
    { msg_type: 9, service_name: 'a', url: 'u' },
  ])('takes %j', (message) => {
    expect(validate(message)).toBe(message)
  })
})

describe('an acknowledgement', () => {
  it('goes to the sender of an event of medium qos, with its transaction and a locator as source', () => {
    const event = {
      msg_type: 4,
      source: 'mac:112233445566/x',
      dest: 'event:x',
      qos: 25,
      transaction_uuid: 't',
    }
    expect(needsAcknowledgement(event)).toBe(true)
    expect(needsAcknowledgement({ ...event, qos: 24 })).toBe(false)
    const made = acknowledgement(event, { source: 'dns:talaria', sessionId: 's' })
    expect(made).toEqual({
      msg_type: 4,
      source: 'dns:talaria',
      dest: 'mac:112233445566/x',
      transaction_uuid: 't',
      rdr: 0,
      session_id: 's',
      qos: 25,
    })
    expect(() => validate(made)).not.toThrow()
  })
})

describe('a stamp', () => {
  it('says whose message it is, whatever the device says', () => {
    const bytes = encode({
      msg_type: 4,
      source: 'mac:112233445566',
      dest: 'event:x',
      partner_ids: ['somebody-else'],
      session_id: 'mine',
      metadata: { '/a': 'b', '/t': 'device' },
    })
    const { message, bytes: stamped } = stamp(bytes, {
      partnerIds: ['partner'],
      sessionId: 'session',
      metadata: { '/t': 'now' },
    })
    expect(decode(stamped)).toEqual({ ...message, qos: 0 })
    expect(message).toMatchObject({
      partner_ids: ['partner'],
      session_id: 'session',
      metadata: { '/a': 'b', '/t': 'now' },
      content_type: 'application/octet-stream',
    })
  })
})

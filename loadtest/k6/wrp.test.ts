import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as libs from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { bytesOf, decode, encode, textOfBytes, type Wrp } from './wrp.ts'

const ascii = (maxLength: number) =>
  fc.string({
    maxLength,
    unit: fc.integer({ min: 0, max: 0x7f }).map((code) => String.fromCharCode(code)),
  })
const present = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

/** Any message that the load could send. */
const messages = fc
  .record({
    msg_type: fc.integer({ min: 0, max: 11 }),
    source: present(ascii(300)),
    dest: present(ascii(70_000)),
    transaction_uuid: present(ascii(40)),
    content_type: present(ascii(40)),
    status: present(fc.integer({ min: 0, max: 0x7fff })),
    rdr: present(fc.integer({ min: 0, max: 200 })),
    payload: present(fc.uint8Array({ maxLength: 300 })),
    qos: present(fc.integer({ min: 0, max: 99 })),
  })
  .map((fields) => withoutAbsent(fields) as unknown as Wrp)

const withoutAbsent = (fields: object) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

/** What is written for a message: nothing empty, and always a qos. */
const written = (message: Wrp): Wrp =>
  Object.fromEntries(
    Object.entries({ qos: 0, ...message }).filter(
      ([, value]: [string, unknown]) =>
        typeof value === 'number' || (value as string | Uint8Array).length > 0,
    ),
  ) as unknown as Wrp

describe('the WRP of the load', () => {
  it('is written byte for byte as libs/wrp writes it', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(Buffer.from(encode(message))).toEqual(
          Buffer.from(libs.encode(message as WrpMessage)),
        )
      }),
    )
  })

  it('is written so at every length at which a head grows', () => {
    for (const length of [0, 1, 31, 32, 255, 256, 65_535, 65_536]) {
      const message: Wrp = {
        msg_type: 4,
        source: 's'.repeat(length),
        payload: new Uint8Array(length).fill(7),
      }
      expect(Buffer.from(encode(message)).equals(libs.encode(message as WrpMessage))).toBe(true)
      expect(decode(encode(message))).toEqual(written(message))
    }
  })

  it('is read as it was written', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(decode(encode(message))).toEqual(written(message))
      }),
    )
  })

  it('reads what libs/wrp writes, whatever else is in it', () => {
    const message: WrpMessage = {
      msg_type: 3,
      source: 'dns:caller.example',
      dest: 'mac:112233445566/config',
      transaction_uuid: 'a',
      status: -5,
      rdr: -70_000,
      headers: Array.from({ length: 3 }, (_, index) => `header: ${index}`),
      metadata: { '/one': 'two', ...Object.fromEntries(manyTexts(20)) },
      spans: [['a', 'b', 'c']],
      include_spans: true,
      payload: new Uint8Array(70_000),
      partner_ids: ['example'],
      session_id: 's'.repeat(300),
      qos: 99,
    }
    expect(decode(libs.encode(message))).toMatchObject(message)
  })

  it('reads nil as nothing, and numbers of one byte with a sign', () => {
    const nil = [0x83, ...text('msg_type'), 4, ...text('dest'), 0xc0, ...text('rdr'), 0xd0, 0x81]
    expect(decode(Uint8Array.from(nil))).toEqual({ msg_type: 4, dest: undefined, rdr: -127 })
  })

  it('refuses what is no message', () => {
    for (const bytes of [[], [0x81], [0xc0], [0x93, 1, 2, 3], [0x80], [0xc1], [0xa5, 0x61]]) {
      expect(() => decode(Uint8Array.from(bytes))).toThrow()
    }
    expect(() => decode(encode({ msg_type: 4, dest: 'event:load' }).subarray(0, 20))).toThrow()
  })

  it('refuses to write what it could only write wrongly', () => {
    expect(() => encode({ msg_type: 4, dest: 'event:ä' })).toThrow('ASCII')
    expect(() => encode({ msg_type: 4, status: 70_000 })).toThrow('70000')
    expect(() => encode({ msg_type: 4, status: -1 })).toThrow('-1')
  })

  it('takes text to bytes and back', () => {
    expect(textOfBytes(bytesOf('{"a":1}'))).toBe('{"a":1}')
  })
})

const text = (value: string): number[] => [0xa0 | value.length, ...Buffer.from(value)]

const manyTexts = (count: number): [string, string][] =>
  Array.from({ length: count }, (_, index) => [`/key-${index}`, 'value'])

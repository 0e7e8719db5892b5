import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatTraceparent, parseTraceContext } from './context.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const SOUND = `00-${TRACE}-${SPAN}-01`

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...Array.from('0123456789abcdef')), {
      minLength: length,
      maxLength: length,
    })
    .map((digits) => digits.join(''))
    .filter((digits) => !/^0+$/.test(digits))

describe('a trace context', () => {
  it('that is written is read back', () => {
    const property = fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, isSampled) => {
      const context = { traceId, spanId, isSampled, state: undefined }
      expect(parseTraceContext(formatTraceparent(context))).toEqual(context)
    })
    fc.assert(property)
  })

  it('of any text is none or one of the form that is sent on, and never throws', () => {
    const nearly = fc
      .tuple(fc.constantFrom(...SOUND.split('')), fc.nat(SOUND.length), fc.string({ maxLength: 2 }))
      .map(([, at, put]) => SOUND.slice(0, at) + put + SOUND.slice(at + put.length))
    const property = fc.property(fc.oneof(fc.string(), nearly), fc.string(), (text, state) => {
      const found = parseTraceContext(text, state)
      if (!found) return
      expect(formatTraceparent(found)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
      expect(found.state ?? 'a=b').toMatch(/^[\x20-\x7e]{1,512}$/)
    })
    fc.assert(property, { numRuns: 2_000 })
  })

  it.each([
    ['no text', ''],
    ['upper case', SOUND.toUpperCase()],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a span of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['the version that is none', `ff-${TRACE}-${SPAN}-01`],
    ['more than its version has', `${SOUND}-more`],
    ['a line break', `${SOUND}\r\nx: y`],
    ['a blank before it', ` ${SOUND}`],
    ['two of them in one', `${SOUND}, ${SOUND}`],
    ['a later version without end', `01-${TRACE}-${SPAN}-01-${'x'.repeat(300)}`],
  ])('is none for %s', (_, text) => {
    expect(parseTraceContext(text)).toBeUndefined()
  })

  it('of a later version is read as far as it is known, and only its sampled flag', () => {
    expect(parseTraceContext(`cc-${TRACE}-${SPAN}-ff-what-the-future-will-be-like`)).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      isSampled: true,
      state: undefined,
    })
    expect(parseTraceContext(`00-${TRACE}-${SPAN}-02`)?.isSampled).toBe(false)
  })

  it('keeps the state of others whole or not at all', () => {
    const stateOf = (text: string): string | undefined => parseTraceContext(SOUND, text)?.state
    expect(stateOf('rojo=00f067aa0ba902b7, congo=t61rcWkgMzE')).toBe(
      'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
    )
    for (const text of ['', 'no-value', 'UPPER=x', 'a=b\r\nx: y', `a=${'x'.repeat(512)}`]) {
      expect(stateOf(text)).toBeUndefined()
    }
    expect(stateOf(Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(','))).toBe(
      undefined,
    )
  })
})

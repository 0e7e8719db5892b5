import { describe, expect, it } from 'vitest'
import type { WrpMessage } from './message.ts'
import { readTraceLines, withTraceLines } from './trace-lines.ts'

const message = (headers?: string[]): WrpMessage => ({
  msg_type: 3,
  dest: 'mac:112233445566/config',
  ...(headers && { headers }),
})
const TRACE = { traceparent: '00-a-b-01', tracestate: 'vendor=x' }
const LINES = ['traceparent: 00-a-b-01', 'tracestate: vendor=x']

describe('the trace in a message', () => {
  it('is two lines in the order that genuine services take them', () => {
    expect(withTraceLines(message(), TRACE)?.headers).toEqual(LINES)
    expect(withTraceLines(message([]), { traceparent: '00-a-b-01' })?.headers).toEqual([
      'traceparent: 00-a-b-01',
      // Never missing: genuine services read the second line without asking whether there is one.
      'tracestate: ',
    ])
  })

  it('takes the place of the one that was there', () => {
    expect(withTraceLines(message(['Traceparent: 00-c-d-00']), TRACE)?.headers).toEqual(LINES)
    expect(withTraceLines(message(['tracestate: y=z', 'traceparent: 0']), TRACE)?.headers).toEqual(
      LINES,
    )
  })

  it('is not put into a message in which its sender has lines of his own', () => {
    expect(withTraceLines(message(['x-mine: 1']), TRACE)).toBeUndefined()
    expect(withTraceLines(message([...LINES, 'x-mine: 1']), TRACE)).toBeUndefined()
  })

  it('changes nothing in the message that it is given', () => {
    const given = message(['traceparent: 00-c-d-00'])
    withTraceLines(given, TRACE)
    expect(given.headers).toEqual(['traceparent: 00-c-d-00'])
  })

  it('is read wherever its lines are, in any case, and left unread when it is too long', () => {
    expect(readTraceLines(message(['x: 1', 'TraceState:a=b', 'TRACEPARENT:  t ']))).toEqual({
      traceparent: 't',
      tracestate: 'a=b',
    })
    expect(readTraceLines(message())).toEqual({ traceparent: undefined, tracestate: undefined })
    const tooLong = `traceparent: ${'x'.repeat(600)}`
    expect(readTraceLines(message([tooLong])).traceparent).toBeUndefined()
  })
})

/**
 * Trace context in a message's `headers`, as upstream carries it: the lines `traceparent: …` and
 * `tracestate: …`.
 */
import type { WrpMessage } from './message.ts'

/** Long enough for both lines with their names, and short against what else a message may hold. */
const LINE_LENGTH_MAX = 600

const TRACEPARENT = 'traceparent'
const TRACESTATE = 'tracestate'

/** The two values as they are there, unchecked; undefined for a line that is not. */
export function readTraceLines({ headers }: WrpMessage): {
  traceparent: string | undefined
  tracestate: string | undefined
} {
  if (!headers) return NO_LINES
  return { traceparent: valueOf(headers, TRACEPARENT), tracestate: valueOf(headers, TRACESTATE) }
}

const NO_LINES = { traceparent: undefined, tracestate: undefined }

/**
 * The message with the two lines, or undefined when it must go as it is. Genuine services take the
 * first line of a request for the one and the second for the other without looking at their names
 * or number, and answer with as many lines. So both are always there, in this order, and a message
 * whose sender has put other lines into it is left alone.
 */
export function withTraceLines(
  message: WrpMessage,
  { traceparent, tracestate = '' }: { traceparent: string; tracestate?: string | undefined },
): WrpMessage | undefined {
  const isFree = (message.headers ?? []).every((line) => isOf(line, TRACEPARENT, TRACESTATE))
  if (!isFree) return undefined
  const headers = [`${TRACEPARENT}: ${traceparent}`, `${TRACESTATE}: ${tracestate}`]
  return { ...message, headers }
}

function valueOf(headers: readonly string[], name: string): string | undefined {
  const line = headers.find((each) => isOf(each, name))
  return line?.slice(name.length + 1).trim()
}

const isOf = (line: string, ...names: readonly string[]): boolean =>
  line.length <= LINE_LENGTH_MAX &&
  names.some(
    (name) => line[name.length] === ':' && line.slice(0, name.length).toLowerCase() === name,
  )

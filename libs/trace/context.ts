/**
 * W3C Trace Context: which span of which trace something belongs to, as two texts on the wire.
 * They come from outside, so what is malformed counts as absent, and what goes out is written
 * anew, never what came in. It costs no OpenTelemetry: also without tracing a context goes on.
 */

/** A span's place in its trace. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string
  /** 16 of them. */
  readonly spanId: string
  /** Whether the trace is recorded, as whoever began it has decided. */
  readonly isSampled: boolean
  /** What other tracing systems put beside it; a valid `tracestate`. */
  readonly state?: string | undefined
}

/** A `traceparent` of version 0; a later version may have more, which is not read. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const TRACEPARENT_LENGTH_MAX = 256

/** What each system has to carry at least, and all that it has to (W3C 3.3.1.5). */
const STATE_LENGTH_MAX = 512
const STATE_MEMBERS_MAX = 32
const STATE_MEMBER =
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

const ALL_ZERO = /^0+$/
const FLAG_SAMPLED = 1

/** The context that the two texts name; undefined when there is none or it is malformed. */
export function parseTraceContext(
  traceparent: string | null | undefined,
  tracestate?: string | null,
): TraceContext | undefined {
  if (!traceparent || traceparent.length > TRACEPARENT_LENGTH_MAX) return undefined
  const found = TRACEPARENT.exec(traceparent)
  if (!found) return undefined
  const [, version, traceId = '', spanId = '', flags = '', more] = found
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (ALL_ZERO.test(traceId) || ALL_ZERO.test(spanId)) return undefined
  const isSampled = (Number.parseInt(flags, 16) & FLAG_SAMPLED) === FLAG_SAMPLED
  return { traceId, spanId, isSampled, state: parseState(tracestate) }
}

/** The context as a `traceparent`, 55 characters. */
export const formatTraceparent = ({ traceId, spanId, isSampled }: TraceContext): string =>
  `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`

/** Whole or not at all: W3C 3.3.1. */
function parseState(text: string | null | undefined): string | undefined {
  if (!text || text.length > STATE_LENGTH_MAX) return undefined
  const members = text
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')
  const isValid =
    members.length > 0 &&
    members.length <= STATE_MEMBERS_MAX &&
    members.every((member) => STATE_MEMBER.test(member))
  return isValid ? members.join(',') : undefined
}

/** The trace context of a WRP message: read from its lines, and put into them. */
import type { WrpMessage } from '#libs/wrp/message.ts'
import { readTraceLines, withTraceLines } from '#libs/wrp/trace-lines.ts'
import { formatTraceparent, parseTraceContext, type TraceContext } from './context.ts'

/** The trace that the sender is in; undefined where he names none that is sound. */
export function contextOfMessage(message: WrpMessage): TraceContext | undefined {
  const { traceparent, tracestate } = readTraceLines(message)
  return parseTraceContext(traceparent, tracestate)
}

/**
 * The message with the context in it, or as it is: where nothing is recorded nothing is put in, and
 * nothing where {@link withTraceLines} would do harm.
 */
export function withContext(message: WrpMessage, context: TraceContext | undefined): WrpMessage {
  if (!context?.isSampled) return message
  const lines = { traceparent: formatTraceparent(context), tracestate: context.state }
  return withTraceLines(message, lines) ?? message
}

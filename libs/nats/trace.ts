/** Trace context in the headers of NATS messages, and the spans of what goes over NATS. */
import type { MsgHdrs } from '@nats-io/transport-node'
import { formatTraceparent, parseTraceContext, type TraceContext } from '#libs/trace/context.ts'
import type { Span, Tracer } from '#libs/trace/tracer.ts'
import type { OutgoingEvent } from './event.ts'

const TRACEPARENT = 'traceparent'
const TRACESTATE = 'tracestate'

/** Puts a context into a message's headers; without one nothing. */
export function putTraceContext(made: MsgHdrs, context: TraceContext | undefined): void {
  if (!context) return
  made.set(TRACEPARENT, formatTraceparent(context))
  if (context.state !== undefined) made.set(TRACESTATE, context.state)
}

/** The context of a message; undefined where it has none that is one. */
export function readTraceContext(found: MsgHdrs | undefined): TraceContext | undefined {
  const traceparent = found?.get(TRACEPARENT)
  // Most messages have none, and each look into the headers is a search.
  return traceparent ? parseTraceContext(traceparent, found?.get(TRACESTATE)) : undefined
}

/** The subjects that spans are named after, with names in the place of what differs. */
const TEMPLATES = {
  command: 'xmidt.device.{device}.command',
  stat: 'xmidt.device.{device}.stat',
  event: 'xmidt.event.{partition}.{type}.{device}',
} as const

/**
 * The kinds of spans by what is done: a request and its reply wait for each other, an event and
 * its readers do not.
 */
const KINDS = {
  request: 'client',
  reply: 'server',
  send: 'producer',
  process: 'consumer',
} as const

/** OpenTelemetry's own words for the types of operations on messages. */
const OPERATION_TYPES = {
  request: 'send',
  reply: 'process',
  send: 'send',
  process: 'process',
} as const

/** What {@link beginMessage} needs besides the tracer. */
export interface MessageSpanOptions {
  operation: keyof typeof KINDS
  subject: keyof typeof TEMPLATES
  parent: TraceContext | undefined
  device: string | undefined
  eventType?: string | undefined
  /** `transaction_uuid`, by which a person finds it in other systems. */
  transaction?: string | undefined
  messageId?: string | undefined
  bytes?: number | undefined
}

/** Begins the span of one message at one of its ends. */
export function beginMessage(tracer: Tracer, options: MessageSpanOptions): Span {
  const { operation, subject, parent, device, eventType, transaction, messageId, bytes } = options
  const template = TEMPLATES[subject]
  return tracer.begin(`${operation} ${template}`, {
    kind: KINDS[operation],
    parent,
    attributes: {
      'messaging.system': 'nats',
      'messaging.operation.name': operation,
      'messaging.operation.type': OPERATION_TYPES[operation],
      'messaging.destination.template': template,
      'messaging.message.id': messageId,
      'messaging.message.conversation_id': transaction,
      'messaging.message.body.size': bytes,
      'xmidt.device.id': device,
      'xmidt.event.type': eventType,
    },
  })
}

/** Begins the span of an event on its way into the stream. */
export const beginSend = (tracer: Tracer, event: OutgoingEvent): Span =>
  beginMessage(tracer, {
    operation: 'send',
    subject: 'event',
    parent: event.trace,
    device: event.device,
    eventType: event.type,
    transaction: event.transactionUuid,
    messageId: event.id,
    bytes: event.bytes.length,
  })

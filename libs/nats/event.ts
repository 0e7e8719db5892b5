/**
 * A device's event on its way through JetStream: the WRP itself as the payload, unchanged, and
 * headers for what a reader wants without decoding it.
 */
import { JetStreamApiError, type PubAck } from '@nats-io/jetstream'
import { MsgHdrsImpl } from '@nats-io/nats-core/internal'
import { InvalidArgumentError, type MsgHdrs } from '@nats-io/transport-node'
import type { TraceContext } from '#libs/trace/context.ts'
import type { DeviceId } from '#libs/wrp/locator.ts'
import type { AckListener, Publisher, PublishOptions, StreamPublisher } from './stream/publisher.ts'
import { eventSubject } from './subjects.ts'
import { putTraceContext } from './trace.ts'

/**
 * How long one publish may wait for the stream's acknowledgement: a leader election takes a second
 * or two, so what has not come in five will not.
 */
const PUBLISH_MS = 5_000

/** A header longer than this is left out: the WRP has it, and headers are for reading at a glance. */
const HEADER_LENGTH_MAX = 512

/** More partners than a token ever names; the WRP has them all. */
const PARTNER_HEADERS_MAX = 16

/** JetStream's own number for a message over the stream's max_msg_size. */
const JETSTREAM_MESSAGE_TOO_LARGE = 10_054

/**
 * Whether a publish failed as the message is larger than the client, the server or the stream takes.
 * It fails again however often it is tried, and says nothing of how others are stored.
 */
export const isTooLarge = (error: unknown): boolean =>
  error instanceof InvalidArgumentError ||
  (error instanceof JetStreamApiError && error.code === JETSTREAM_MESSAGE_TOO_LARGE)

/** What is published for one event. */
export interface OutgoingEvent {
  /** Same for every retry of the same event: JetStream drops the second within its window. */
  id: string
  /** Undefined for an event without a device. */
  device: DeviceId | undefined
  /** The authority of its `event:<type>/…` destination. */
  type: string
  /** Whether its qos is low: then it goes into the stream EVENTS_LOW, and nobody was told that it is kept. */
  isLow?: boolean | undefined
  /** The whole WRP, msgpack. */
  bytes: Uint8Array
  dest: string
  source: string
  sessionId?: string | undefined
  partnerIds?: readonly string[] | undefined
  transactionUuid?: string | undefined
  /** The span that whoever reads the event goes on from; undefined where there is no trace. */
  trace?: TraceContext | undefined
}

/** How {@link publishEvent} may be told to publish. */
export interface PublishEventOptions {
  timeoutMs?: number
  /**
   * Of the last message on the event's subject, 0 for none: when there is another by now, the
   * stream refuses this one, see `isSequenceWrong`.
   */
  lastSequence?: number | undefined
}

/**
 * Publishes an event and resolves with the stream's acknowledgement: from then on it is not lost.
 * @throws the NATS client's errors when it was not acknowledged within `timeoutMs`; the same event
 * may then be published again with the same id.
 * @throws {SubjectError} for a type that cannot be a token.
 */
export function publishEvent(
  publisher: StreamPublisher,
  event: OutgoingEvent,
  { timeoutMs = PUBLISH_MS, lastSequence }: PublishEventOptions = {},
): Promise<PubAck> {
  const options = { ...publishOptions(event, timeoutMs), ...expectation(lastSequence) }
  return publisher.publish(subjectOf(event), event.bytes, options)
}

/**
 * The same without a promise: tells `listener` what {@link publishEvent} would come to.
 * @throws the client's errors and {@link SubjectError} when nothing was sent.
 */
export function sendEvent(publisher: Publisher, event: OutgoingEvent, listener: AckListener): void {
  publisher.send(subjectOf(event), event.bytes, publishOptions(event, PUBLISH_MS), listener)
}

const subjectOf = (event: OutgoingEvent): string => eventSubject(event.device, event.type, event)

const publishOptions = (event: OutgoingEvent, timeout: number): PublishOptions => ({
  msgID: event.id,
  headers: eventHeaders(event),
  timeout,
})

const expectation = (lastSequence: number | undefined): Pick<PublishOptions, 'expect'> =>
  lastSequence === undefined ? {} : { expect: { lastSubjectSequence: lastSequence } }

function eventHeaders(event: OutgoingEvent): MsgHdrs {
  const record: Record<string, string[]> = {}
  const put = (name: string, value: string | undefined): void => {
    if (value && value.length <= HEADER_LENGTH_MAX) (record[name] ??= []).push(encodeValue(value))
  }
  put('Xmidt-Dest', event.dest)
  put('Xmidt-Source', event.source)
  put('Xmidt-Session', event.sessionId)
  put('Xmidt-Transaction', event.transactionUuid)
  for (const partner of (event.partnerIds ?? []).slice(0, PARTNER_HEADERS_MAX)) {
    put('Xmidt-Partner', partner)
  }
  // Whole, and not one by one: each value is encoded above, and the client would check every one
  // again and search all names before it, which takes as long as to decode the event.
  const made = MsgHdrsImpl.fromRecord(record)
  putTraceContext(made, event.trace)
  return made
}

/** What the headers of a published event say. */
export interface EventHeaders {
  id: string
  dest: string | undefined
  source: string | undefined
  sessionId: string | undefined
  transactionUuid: string | undefined
  partnerIds: string[]
}

/** Reads what {@link publishEvent} wrote; also of a message that somebody published by hand. */
export function readEventHeaders(found: MsgHdrs | undefined): EventHeaders {
  const get = (name: string): string | undefined => {
    const value = found?.get(name)
    return value ? decodeValue(value) : undefined
  }
  return {
    id: found?.get('Nats-Msg-Id') ?? '',
    dest: get('Xmidt-Dest'),
    source: get('Xmidt-Source'),
    sessionId: get('Xmidt-Session'),
    transactionUuid: get('Xmidt-Transaction'),
    partnerIds: found?.values('Xmidt-Partner').map(decodeValue) ?? [],
  }
}

/** The id alone; empty where whoever published it gave none. */
export const readEventId = (found: MsgHdrs | undefined): string => found?.get('Nats-Msg-Id') ?? ''

/** A line break in a value would be a header of the sender's choice, a blank at an end is lost. */
function encodeValue(value: string): string {
  return value.replaceAll(
    /[\u0000-\u001f\u007f%]|^ | $/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}

function decodeValue(value: string): string {
  return value.replaceAll(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

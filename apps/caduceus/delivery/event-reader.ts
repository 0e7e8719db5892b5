/**
 * Events as deliveries need them, read once and not once for each webhook: of the webhooks that are
 * not behind, each is given the same event at about the same time. What is kept is bounded in
 * entries and bytes; what is not kept any more is read again, and nothing else changes.
 */
import type { Hook } from '#apps/caduceus/webhook.ts'
import { readEventId } from '#libs/nats/event.ts'
import type { PulledMessage } from '#libs/nats/stream/pulled-message.ts'
import { readTraceContext } from '#libs/nats/trace.ts'
import type { TraceContext } from '#libs/trace/context.ts'
import { decode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { toDeliveryForm, type DeliveryForm } from './request.ts'

/** Events that are kept; the one that came first goes first. */
const ENTRIES_MAX = 1_024

/** The bytes of their messages, and once more for what is made of them. */
const BYTES_MAX = 4 * 1_024 * 1_024

/** The values of a hook's `content_type` that ask for the whole WRP; all else asks for the payload. */
const WHOLE_WRP = new Set(['wrp', 'application/msgpack', 'application/wrp'])

/** An event that was read. */
export interface ReadEvent {
  /** Same in each delivery and attempt. */
  readonly id: string
  readonly message: WrpMessage
  /** Of whoever published it. */
  readonly trace: TraceContext | undefined
  /** What a webhook gets of it. */
  formFor(hook: Hook): DeliveryForm
}

/** Reads the event of a message; undefined for what cannot be decoded. */
export type ReadEvents = (message: PulledMessage) => ReadEvent | undefined

/** Nothing read yet. */
export function createEventReader(): ReadEvents {
  const kept = new Map<string, { event: ReadEvent; bytes: Buffer }>()
  let byteCount = 0
  const forget = (key: string): void => {
    byteCount -= kept.get(key)?.bytes.length ?? 0
    kept.delete(key)
  }
  return (message) => {
    const { seq, data, info } = message
    // A stream that was lost and made anew counts from 1 again, so its number alone is not enough.
    const key = `${info.stream} ${seq} ${info.storedAtNanos}`
    const known = kept.get(key)
    if (known?.bytes.equals(data)) return known.event
    // A message's own bytes are a part of what came with it from the server, and would keep that.
    const bytes = Buffer.from(data)
    const event = read(message, bytes)
    forget(key)
    if (!event) return undefined
    kept.set(key, { event, bytes })
    byteCount += bytes.length
    while (kept.size > ENTRIES_MAX || byteCount > BYTES_MAX) forget(kept.keys().next().value ?? '')
    return event
  }
}

/** What somebody published by hand has no id; its place in the stream is one as well. */
export const eventIdOf = (message: PulledMessage): string =>
  readEventId(message.headers) ||
  `${message.info.stream.toLowerCase().replace('_', '-')}-${message.seq}`

function read(pulled: PulledMessage, bytes: Uint8Array): ReadEvent | undefined {
  const eventId = eventIdOf(pulled)
  let message: WrpMessage
  try {
    message = decode(bytes)
  } catch {
    return undefined
  }
  let whole: DeliveryForm | undefined
  let payload: DeliveryForm | undefined
  return {
    id: eventId,
    message,
    trace: readTraceContext(pulled.headers),
    formFor({ config: { content_type: contentType } }) {
      return WHOLE_WRP.has(contentType)
        ? (whole ??= toDeliveryForm(message, { eventId, isWhole: true }))
        : (payload ??= toDeliveryForm(message, { eventId, isWhole: false }))
    },
  }
}

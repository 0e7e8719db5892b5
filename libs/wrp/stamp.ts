/**
 * What the fabric adds to a device's message on its way in: whose it is, of which session, and
 * when it came. wrp.md §5, the row of talaria.
 */
import { decode, hasInvalidUtf8 } from './msgpack/decode.ts'
import { encode } from './msgpack/encode.ts'
import { countEntries } from './entries.ts'
import { WrpError } from './error.ts'
import { MSG_TYPE, type WrpMessage } from './message.ts'

/** What is written over what the device says. */
export interface Stamp {
  /** Replace the device's own: a device does not say who owns it. */
  partnerIds: string[]
  /** Set on events only, as upstream does. */
  sessionId: string
  /** Added to the device's own; ours win. */
  metadata: Readonly<Record<string, string>>
}

/** A stamped message, and its bytes. */
export interface Stamped {
  message: WrpMessage
  bytes: Uint8Array
}

/**
 * Reads a device's message and stamps it.
 * @throws {WrpError} what {@link decode} throws, of the stamped message too, as somebody has to read
 * that; FIELD_INVALID for text that is no UTF-8.
 */
export function stamp(bytes: Uint8Array, { partnerIds, sessionId, metadata }: Stamp): Stamped {
  const message = decode(bytes)
  if (hasInvalidUtf8(message)) {
    throw new WrpError('FIELD_INVALID', 'a text is no UTF-8', { rdr: 1 })
  }
  message.content_type ??= 'application/octet-stream'
  if (message.content_type === '') message.content_type = 'application/octet-stream'
  message.partner_ids = partnerIds
  message.metadata = { ...message.metadata, ...metadata }
  if (message.msg_type === MSG_TYPE.event) message.session_id = sessionId
  countEntries(message)
  return { message, bytes: encode(message) }
}

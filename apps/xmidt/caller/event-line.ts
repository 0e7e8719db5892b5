/** One event as a line of `xmidt listen`, for a person or as JSON. All in it came from devices. */
import type { Msg } from '@nats-io/transport-node'
import { cyan, dim, timeOfDay } from '#apps/xmidt/terminal.ts'
import { escapeUnseen } from '#libs/log/unseen.ts'
import { readEventHeaders } from '#libs/nats/event.ts'
import { decode } from '#libs/wrp/codec.ts'
import { toJson } from '#libs/wrp/json.ts'

/** How much of a payload one readable line shows. */
const PAYLOAD_LENGTH_MAX = 100

/** What of a message of NATS a line is made of. */
type EventMessage = Pick<Msg, 'subject' | 'headers' | 'data'>

/** When, who, what, and the beginning of the payload. */
export function readableLine({ subject, headers, data }: EventMessage): string {
  const { dest, source } = readEventHeaders(headers)
  const shown = [cyan(escapeUnseen(source ?? '')), escapeUnseen(dest ?? subject), preview(data)]
  return `${dim(timeOfDay())}  ${shown.join('  ')}`
}

function preview(bytes: Uint8Array): string {
  try {
    const payload = decode(bytes).payload
    if (!payload) return ''
    const text = new TextDecoder().decode(payload)
    const isLong = text.length > PAYLOAD_LENGTH_MAX
    return escapeUnseen(isLong ? `${text.slice(0, PAYLOAD_LENGTH_MAX)}…` : text)
  } catch {
    return dim('(no WRP)')
  }
}

/** Subject, headers and the message. */
export function jsonLine({ subject, headers: raw, data }: EventMessage): string {
  const headers = readEventHeaders(raw)
  return escapeUnseen(JSON.stringify({ subject, headers, ...wrpOf(data) }))
}

function wrpOf(data: Uint8Array): object {
  try {
    return { wrp: JSON.parse(toJson(decode(data))) as unknown }
  } catch (error) {
    return { error: String(error) }
  }
}

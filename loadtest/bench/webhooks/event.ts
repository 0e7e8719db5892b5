/** The event that is published: a device's, of common size, which says when it was published. */
import { randomUUID } from 'node:crypto'
import type { OutgoingEvent } from '#libs/nats/event.ts'
import { encode } from '#libs/wrp/codec.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'

/** As many bytes as a device's notification has. */
const PAYLOAD_BYTES = 500

/** What its payload begins with; sixteen digits of microseconds follow. */
const BEGIN = '{"at":'
const DIGITS = 16

const DEVICES = 1_000

/** The next event, as a Talaria would publish it. */
export function eventAt(index: number): OutgoingEvent {
  const id = randomUUID()
  const device = parseDeviceId(`mac:${(index % DEVICES).toString(16).padStart(12, '0')}`)
  const dest = `event:device-status/${device}/online`
  const source = `${device}/config`
  const at = Math.round((performance.timeOrigin + performance.now()) * 1_000)
  const text = `${BEGIN}${String(at).padStart(DIGITS, '0')},"text":"`
  const payload = Buffer.from(`${text}${'a'.repeat(PAYLOAD_BYTES - text.length - 2)}"}`)
  const bytes = encode({
    msg_type: 4,
    source,
    dest,
    content_type: 'application/json',
    transaction_uuid: id,
    payload,
    partner_ids: ['example'],
    metadata: { '/boot-time': '1700000000', '/hw-model': 'TG1682' },
    session_id: id,
    qos: 75,
  })
  const names = { partnerIds: ['example'], sessionId: id, transactionUuid: id }
  return { id, device, type: 'device-status', bytes, dest, source, ...names }
}

/** When the event with this payload was published, in milliseconds since 1970; NaN of another. */
export function sentAtOf(payload: Uint8Array): number {
  const at = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).indexOf(BEGIN)
  if (at < 0) return Number.NaN
  const digits = payload.subarray(at + BEGIN.length, at + BEGIN.length + DIGITS)
  return Number(Buffer.from(digits).toString('latin1')) / 1_000
}

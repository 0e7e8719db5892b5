/** Sends a device's events at their moments, and measures when the acknowledgement of each comes. */
import type { Device } from './device.ts'
import { wait, waitFor } from './fleet.ts'
import { eventAcknowledged, eventDuration, eventsHeldBack, eventsSent } from './measures.ts'
import { countOf, PAYLOAD_BYTES, TIMEOUT_SECONDS } from './settings.ts'
import { bytesOf, EVENT } from './wrp.ts'

/** Devices' events with a qos from here on are acknowledged once the stream has them. */
const QOS_ACKNOWLEDGED = 25

/** What Talaria says of an event that the stream has. */
const DELIVERED = 0

/** More unanswered events of one device say that the fabric is behind; its next ones are left out. */
const UNANSWERED_MAX = countOf('UNANSWERED_MAX', 1_000, 1)

const QOS = countOf('QOS', 50, 0, 99)

/** An event that was sent. */
export interface SentEvent {
  transaction: string
  sentAtMs: number
}

/** What {@link sendEvents} is told. */
export interface SendOptions {
  /** The authority of their destination, `event:<type>/…`. */
  type: string
  /** How long between two. */
  everyMs: number
  untilMs: number
}

/**
 * Sends events until `untilMs`, whether or not the earlier ones are acknowledged: the load does not
 * slow down with the fabric. Resolves with those that the stream has (with a low qos: all).
 */
export async function sendEvents(device: Device, options: SendOptions): Promise<SentEvent[]> {
  const unanswered = new Map<string, number>()
  const stored: SentEvent[] = []
  const run = Math.random().toString(36).slice(2, 10)
  device.listen((message, atMs) => {
    const transaction = String(message.transaction_uuid)
    const sentAtMs = unanswered.get(transaction)
    if (message.msg_type !== EVENT || sentAtMs === undefined) return
    unanswered.delete(transaction)
    eventDuration.add(atMs - sentAtMs)
    eventAcknowledged.add(message.rdr === DELIVERED)
    if (message.rdr === DELIVERED) stored.push({ transaction, sentAtMs })
  })
  // So that the devices are not in step.
  let dueMs = Date.now() + Math.random() * options.everyMs
  for (let number = 0; dueMs < options.untilMs && device.isOpen; number += 1) {
    await wait(dueMs - Date.now())
    dueMs += options.everyMs
    if (unanswered.size >= UNANSWERED_MAX) {
      eventsHeldBack.add(1)
      continue
    }
    const event = { transaction: `${run}-${number}`, sentAtMs: Date.now() }
    if (!sendEvent(device, options.type, event)) continue
    if (QOS >= QOS_ACKNOWLEDGED) unanswered.set(event.transaction, event.sentAtMs)
    else stored.push(event)
  }
  await waitFor(() => unanswered.size === 0 || !device.isOpen, Date.now() + TIMEOUT_SECONDS * 1_000)
  for (let left = unanswered.size; left > 0; left -= 1) eventAcknowledged.add(false)
  return stored
}

function sendEvent(device: Device, type: string, { transaction, sentAtMs }: SentEvent): boolean {
  const head = `{"sentAtMs":${sentAtMs},"filler":"`
  const filler = '.'.repeat(Math.max(0, PAYLOAD_BYTES - head.length - 2))
  const isSent = device.send({
    msg_type: EVENT,
    source: device.id,
    dest: `event:${type}/${device.id}/load`,
    transaction_uuid: transaction,
    content_type: 'application/json',
    payload: bytesOf(`${head}${filler}"}`),
    qos: QOS,
  })
  if (isSent) eventsSent.add(1)
  return isSent
}

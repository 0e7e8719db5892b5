/** The events of one device that await their acknowledgement, and are sent again until they have it. */
import { nowMs } from '#loadtest/chaos/clock.ts'
import { wait } from '#libs/retry/wait.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { needsAcknowledgement } from '#libs/wrp/qos.ts'
import { messageOf } from './messages.ts'
import type { EventRecord, Records, Resending } from './records.ts'

/** A refused event is sent again after so long. */
const REFUSED_WAIT_MS = 1_000

/** What awaits. */
export interface Outbox {
  /** False when there is no connection. */
  readonly send: (event: EventRecord) => boolean
  /** Everything again, on a new connection. */
  sendAll(why: Resending['why']): void
  /** An event from the fabric: an acknowledgement, if it is for one of these. */
  acknowledge(message: WrpMessage): void
}

/** What {@link createOutbox} needs. */
export interface OutboxOptions {
  records: Records
  /** False when there is no connection. */
  write: (message: WrpMessage) => boolean
  signal: AbortSignal
}

/** An empty one. */
export function createOutbox({ records, write, signal }: OutboxOptions): Outbox {
  const awaiting = new Map<string, EventRecord>()
  const send = (event: EventRecord): boolean => {
    const message = messageOf(event)
    if (!write(message)) return false
    if (needsAcknowledgement(message)) awaiting.set(event.id, event)
    return true
  }
  const sendAgain = (event: EventRecord, why: Resending['why']): void => {
    if (event.acknowledgedAtMs !== undefined) return
    if (send(event)) event.resent.push({ why, atMs: nowMs() })
  }
  return {
    send,
    sendAll(why) {
      for (const event of awaiting.values()) sendAgain(event, why)
    },
    acknowledge({ transaction_uuid: id = '', rdr }) {
      const event = awaiting.get(id)
      if (!event) return
      awaiting.delete(id)
      if (Number(rdr) === 0) {
        event.acknowledgedAtMs = nowMs()
        return
      }
      event.refusedAtMs ??= nowMs()
      records.refusedEvents += 1
      void wait(REFUSED_WAIT_MS, signal).then(() => {
        // Without a connection it goes with the others once there is one.
        awaiting.set(id, event)
        sendAgain(event, 'refused')
      })
    },
  }
}

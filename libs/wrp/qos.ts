/** Quality of service, and the acknowledgement that it asks for. wrp.md §6. */
import { MSG_TYPE, type WrpMessage } from './message.ts'

/** How much an event matters, by its qos. */
type QosLevel = 'low' | 'medium' | 'high' | 'critical'

/** From this value on an event is acknowledged. */
const QOS_ACKNOWLEDGED_MIN = 25

/** The level of a value; below 0 it is low, above 99 critical. */
export function qosLevel(qos: number | undefined): QosLevel {
  const value = qos ?? 0
  if (value < QOS_ACKNOWLEDGED_MIN) return 'low'
  if (value < 50) return 'medium'
  return value < 75 ? 'high' : 'critical'
}

/** Whether the sender waits for an acknowledgement: events of medium qos and above. */
export function needsAcknowledgement(message: Pick<WrpMessage, 'msg_type' | 'qos'>): boolean {
  return message.msg_type === MSG_TYPE.event && (message.qos ?? 0) >= QOS_ACKNOWLEDGED_MIN
}

/** The delivery responses that are used here; the specification reserves the rest. */
export const RDR = {
  delivered: 0,
  badFormat: 1,
  sourceMissing: 2,
  destMissing: 3,
  tooLarge: 4,
  cannotEnqueue: 100,
  disconnectedTooLong: 101,
  displaced: 102,
} as const

/** What {@link acknowledgement} needs besides the event. */
export interface AcknowledgementOptions {
  /** A locator: a bare host name makes newer agents drop their connection. */
  source: string
  sessionId: string
  /** {@link RDR.delivered} unless told. */
  rdr?: number
}

/** The acknowledgement of `event`, for its sender: no payload, no content type, the same transaction. */
export function acknowledgement(
  event: WrpMessage,
  { source, sessionId, rdr = RDR.delivered }: AcknowledgementOptions,
): WrpMessage {
  return {
    msg_type: MSG_TYPE.event,
    source,
    dest: event.source ?? '',
    ...(event.transaction_uuid && { transaction_uuid: event.transaction_uuid }),
    rdr,
    ...(event.headers && { headers: event.headers }),
    ...(event.metadata && { metadata: event.metadata }),
    ...(event.partner_ids && { partner_ids: event.partner_ids }),
    session_id: sessionId,
    qos: event.qos ?? 0,
  }
}

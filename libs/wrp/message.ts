/** The WRP message as the wire can hold it: every type in one shape. wrp.md §1. */

/** The numbers of the message types. 0 and 1 are deprecated and never valid. */
export const MSG_TYPE = {
  authorization: 2,
  request: 3,
  event: 4,
  create: 5,
  retrieve: 6,
  update: 7,
  delete: 8,
  serviceRegistration: 9,
  serviceAlive: 10,
  unknown: 11,
} as const

/** A whole number: a bigint only where a number would lose digits. */
export type WrpInteger = number | bigint

/**
 * A message with the wire's own keys. Only `msg_type` is always there; a field that is absent on
 * the wire is absent here. What its type requires is {@link file://./validate.ts}'s business.
 */
export interface WrpMessage {
  msg_type: number
  source?: string
  dest?: string
  transaction_uuid?: string
  content_type?: string
  accept?: string
  status?: WrpInteger
  /** Request delivery response; 0 is "delivered", so it differs from absent. */
  rdr?: WrpInteger
  headers?: string[]
  metadata?: Record<string, string>
  /** Deprecated; read and written as wrp-go v3 does. */
  spans?: string[][]
  include_spans?: boolean
  path?: string
  payload?: Uint8Array
  service_name?: string
  url?: string
  partner_ids?: string[]
  session_id?: string
  qos?: number
}

/** Whether a message of this type is answered, matched by its `transaction_uuid`: 3 and 5 to 8. */
export function isTransaction(msgType: number): boolean {
  return msgType === MSG_TYPE.request || (msgType >= MSG_TYPE.create && msgType <= MSG_TYPE.delete)
}

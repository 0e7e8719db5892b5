/** What a device says: its events, and its answers to commands. */
import { MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import type { EventRecord } from './records.ts'

/** The payload of a command: how long the device is at work. */
export interface CommandPayload {
  workMs: number
}

/** An event as it is sent; its payload has its id too. */
export const messageOf = ({ id, device, type, qos }: EventRecord): WrpMessage => ({
  msg_type: MSG_TYPE.event,
  source: `${device}/chaos`,
  dest: `event:${type}/${device}`,
  transaction_uuid: id,
  content_type: 'application/json',
  payload: new TextEncoder().encode(JSON.stringify({ id })),
  qos,
})

/** The answer to a command: whose it is, and to which. */
export function answerTo(command: WrpMessage, device: string): WrpMessage {
  const { transaction_uuid: transaction = '', source = '', dest = '' } = command
  return {
    msg_type: MSG_TYPE.request,
    source: dest,
    dest: source,
    transaction_uuid: transaction,
    content_type: 'application/json',
    payload: new TextEncoder().encode(JSON.stringify({ device, transaction })),
  }
}

/** How long a command asks the device to work. */
export function workOf({ payload }: WrpMessage): number {
  try {
    const { workMs } = JSON.parse(new TextDecoder().decode(payload)) as CommandPayload
    return workMs
  } catch {
    return 0
  }
}

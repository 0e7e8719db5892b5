/** Answers that Parodus gives itself, where no service can: in the form of genuine Parodus. parodus.md §4.5, §7. */
import { isTransaction, MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'

/** The answer to `request` that says why there is none of a service. */
export function errorAnswer(request: WrpMessage, statusCode: number, text: string): WrpMessage {
  return {
    ...errorMessage(request, statusCode, text),
    source: request.dest ?? '',
    dest: request.source ?? '',
  }
}

/**
 * What goes out instead of a service's answer that no connection would take: the same answer with
 * 413 in it. Undefined for what nobody waits for.
 */
export function insteadOfTooLarge(answer: WrpMessage, bytesMax: number): WrpMessage | undefined {
  if (!isTransaction(answer.msg_type)) return undefined
  return {
    ...errorMessage(answer, 413, tooLargeText(bytesMax)),
    source: answer.source ?? '',
    dest: answer.dest ?? '',
  }
}

/** Why a message was not taken. */
export const tooLargeText = (bytesMax: number): string =>
  `Payload Too Large: a message has at most ${bytesMax} bytes`

function errorMessage(of: WrpMessage, statusCode: number, text: string): WrpMessage {
  return {
    msg_type: of.msg_type,
    ...(of.transaction_uuid && { transaction_uuid: of.transaction_uuid }),
    ...(of.path && { path: of.path }),
    ...(of.msg_type !== MSG_TYPE.request && { rdr: 0 }),
    content_type: 'application/json',
    payload: new TextEncoder().encode(JSON.stringify({ statusCode, message: text })),
  }
}

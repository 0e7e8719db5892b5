/**
 * How the Talaria that holds a device answers a command besides with the device's own answer: an
 * error, a receipt while the device is still at work, or that it did not take it. Headers of the
 * reply carry these, as the payload is the device's alone.
 */
import { headers, type Msg, type MsgHdrs } from '@nats-io/transport-node'

/** The error headers are those of NATS' own service API, so that `nats req` shows them. */
const ERROR_CODE = 'Nats-Service-Error-Code'
const ERROR_TEXT = 'Nats-Service-Error'
const RECEIPT = 'Xmidt-Receipt'
const NOT_TAKEN = 'Xmidt-Not-Taken'
const MOVING = 'Xmidt-Moving'
const TIMEOUT = 'Xmidt-Timeout-Ms'
const SEND_RECEIPTS = 'Xmidt-Send-Receipts'
const HELD = 'Xmidt-Held-Ms'

/** Why a command was refused: HTTP's numbers, as the caller gets them. */
export type CommandErrorCode = 400 | 403 | 404 | 500 | 502 | 503 | 504

/** Why anything asked over NATS was refused: an operator's order besides a command. */
export type ReplyErrorCode = CommandErrorCode | 409 | 413

/** Answers `message` with an error. The text reaches the caller: no internals in it. */
export function replyError(message: Msg, code: ReplyErrorCode, text: string): void {
  const reply = headers()
  reply.set(ERROR_CODE, String(code))
  reply.set(ERROR_TEXT, text.replaceAll(/[\r\n]+/g, ' '))
  message.respond(undefined, { headers: reply })
}

/** Tells the caller that Talaria `talaria` has the command and the device is still at work. */
export function replyReceipt(message: Msg, talaria: string): void {
  const reply = headers()
  reply.set(RECEIPT, talaria)
  message.respond(undefined, { headers: reply })
}

/**
 * Tells the caller that Talaria `talaria` holds the device no longer, or is letting it go, and wrote
 * nothing to it; `isMoving` when another Talaria will have it, or has. For a person who asks by hand
 * it is an error too.
 */
export function replyNotTaken(message: Msg, talaria: string, isMoving: boolean): void {
  const reply = headers()
  reply.set(NOT_TAKEN, talaria)
  if (isMoving) reply.set(MOVING, 'true')
  reply.set(ERROR_CODE, '503')
  reply.set(ERROR_TEXT, 'the device is being let go, the command was not written to it')
  message.respond(undefined, { headers: reply })
}

/** What a reply to a command is. */
export type CommandReply =
  | { kind: 'answer'; bytes: Uint8Array }
  | { kind: 'receipt'; talaria: string }
  | { kind: 'not-taken'; talaria: string; isMoving: boolean }
  | { kind: 'error'; code: number; text: string }
  | { kind: 'no-responders' }

/** Reads a reply; NATS' own "no responders" is one of the five. */
export function readReply(reply: Msg): CommandReply {
  const found = reply.headers
  if (!found) return { kind: 'answer', bytes: reply.data }
  if (found.code === 503 && reply.data.length === 0) return { kind: 'no-responders' }
  if (found.has(RECEIPT)) return { kind: 'receipt', talaria: found.get(RECEIPT) }
  if (found.has(NOT_TAKEN)) {
    return { kind: 'not-taken', talaria: found.get(NOT_TAKEN), isMoving: found.has(MOVING) }
  }
  if (found.has(ERROR_CODE)) {
    return { kind: 'error', code: Number(found.get(ERROR_CODE)), text: found.get(ERROR_TEXT) }
  }
  return { kind: 'answer', bytes: reply.data }
}

/**
 * The headers of a command whose caller waits for `timeoutMs`: a duration, which the Talaria counts
 * from when it reads it, so that no clock of one machine decides on another.
 */
export function commandHeaders(timeoutMs: number, carried?: MsgHdrs): MsgHdrs {
  const made = carried ?? headers()
  made.set(TIMEOUT, String(timeoutMs))
  return made
}

/**
 * The headers of a question to whoever holds a device: the receipts of what it took are to be sent
 * before the answer, so that the answer without them says that there are none.
 */
export function sendReceiptsHeaders(): MsgHdrs {
  const made = headers()
  made.set(SEND_RECEIPTS, 'true')
  return made
}

/** Whether {@link sendReceiptsHeaders} are on it. */
export const wantsReceipts = (message: Msg): boolean => message.headers?.has(SEND_RECEIPTS) ?? false

/**
 * Answers such a question with `text`, and says for how long the session has been in place: since the
 * device came, or NATS came back, whichever was later.
 */
export function replyHeld(message: Msg, text: string, heldMs: number): void {
  const reply = headers()
  reply.set(HELD, String(heldMs))
  message.respond(text, { headers: reply })
}

/** For how long the session that answers has been in place, in milliseconds; undefined where it does not say. */
export const readHeldMs = (reply: Msg): number | undefined => readMs(reply, HELD)

/** How long a command's caller waits, in milliseconds; undefined where it does not say (a request by hand). */
export const readTimeoutMs = (message: Msg): number | undefined => readMs(message, TIMEOUT)

function readMs(message: Msg, header: string): number | undefined {
  const text = message.headers?.get(header)
  const value = text ? Number(text) : Number.NaN
  return Number.isFinite(value) && value >= 0 ? value : undefined
}

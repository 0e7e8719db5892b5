/**
 * How the Talaria that holds a device answers a command besides with the device's own answer:
 * an error, or a receipt while the device is still at work. Headers of the reply carry both, as
 * the payload is the device's alone. Design §2.
 */
import { headers, type Msg, type MsgHdrs } from '@nats-io/transport-node'

/** The error headers are those of NATS' own service API, so that `nats req` shows them. */
const ERROR_CODE = 'Nats-Service-Error-Code'
const ERROR_TEXT = 'Nats-Service-Error'
const RECEIPT = 'Xmidt-Receipt'
const DEADLINE = 'Xmidt-Deadline'
const TAKE_BY = 'Xmidt-Take-By'

/** Why a command was refused: HTTP's numbers, as the caller gets them. */
export type CommandErrorCode = 400 | 403 | 404 | 503 | 504

/** Why anything asked over NATS was refused: an operator's order besides a command. */
export type ReplyErrorCode = CommandErrorCode | 409 | 413 | 500

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

/** What a reply to a command is. */
export type CommandReply =
  | { kind: 'answer'; bytes: Uint8Array }
  | { kind: 'receipt'; talaria: string }
  | { kind: 'error'; code: number; text: string }
  | { kind: 'no-responders' }

/** Reads a reply; NATS' own "no responders" is one of the four. */
export function readReply(reply: Msg): CommandReply {
  const found = reply.headers
  if (!found) return { kind: 'answer', bytes: reply.data }
  if (found.code === 503 && reply.data.length === 0) return { kind: 'no-responders' }
  if (found.has(RECEIPT)) return { kind: 'receipt', talaria: found.get(RECEIPT) }
  if (found.has(ERROR_CODE)) {
    return { kind: 'error', code: Number(found.get(ERROR_CODE)), text: found.get(ERROR_TEXT) }
  }
  return { kind: 'answer', bytes: reply.data }
}

/** When a command stops being worth anything, in epoch milliseconds. */
export interface CommandTimes {
  /** After this nobody may take it: the caller is about to be told that it reached no device. */
  takeByMs: number
  /** After this nobody waits for the device's answer. */
  deadlineMs: number
}

/**
 * The headers that carry `times`. Clocks of Scytale and Talaria must agree to within a few hundred
 * milliseconds, as NTP keeps them.
 */
export function commandTimesHeaders(times: CommandTimes, carried?: MsgHdrs): MsgHdrs {
  const made = carried ?? headers()
  made.set(TAKE_BY, String(times.takeByMs))
  made.set(DEADLINE, String(times.deadlineMs))
  return made
}

/** The times of a command; those it does not carry (a request by hand) are undefined. */
export function readCommandTimes(message: Msg): Partial<CommandTimes> {
  const takeByMs = epochMs(message, TAKE_BY)
  const deadlineMs = epochMs(message, DEADLINE)
  return {
    ...(takeByMs !== undefined && { takeByMs }),
    ...(deadlineMs !== undefined && { deadlineMs }),
  }
}

function epochMs(message: Msg, header: string): number | undefined {
  const text = message.headers?.get(header)
  const value = text ? Number(text) : Number.NaN
  return Number.isFinite(value) ? value : undefined
}

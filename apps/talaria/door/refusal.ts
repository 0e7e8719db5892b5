/** A connect that is refused: the answer on the raw socket, before there is a websocket. */
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RefusalReason } from '#apps/talaria/reasons.ts'

/** Why, and what the device gets. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code = 'CONNECT_REFUSED'
  readonly reason: RefusalReason
  readonly status: number
  /** Whether the text stands alone, as upstream's authentication writes it, or in the error body. */
  readonly isText: boolean

  constructor(
    reason: RefusalReason,
    status: number,
    message: string,
    { isText = false, ...options }: ErrorOptions & { isText?: boolean } = {},
  ) {
    super(message, options)
    this.reason = reason
    this.status = status
    this.isText = isText
  }
}

/** The body of `refusal`; empty for one without a message. */
export function refusalBody({ status, message, isText }: Refusal): string {
  if (isText || message === '') return message
  return `{"code": ${status}, "message": ${JSON.stringify(message)}}`
}

/** Answers and closes. In one write: genuine Parodus reads the head of an answer at once. */
export function writeRefusal(socket: Duplex, refusal: Refusal): void {
  const body = refusalBody(refusal)
  const type = refusal.isText ? 'text/plain; charset=utf-8' : 'application/json'
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`,
    ...(body === '' ? [] : [`Content-Type: ${type}`]),
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

/**
 * A message that was pulled from a consumer. The client makes such messages only in its own pull
 * loop, which cannot pull by number and bytes at once; this one has what ours needs of them.
 */
import type { JsMsg } from '@nats-io/jetstream'
import type { Msg } from '@nats-io/nats-core'

/** What is used of a message of a consumer. */
export type PulledMessage = Pick<
  JsMsg,
  'data' | 'headers' | 'seq' | 'string' | 'ack' | 'nak' | 'term' | 'working'
> & {
  readonly info: Pick<JsMsg['info'], 'stream' | 'deliveryCount' | 'pending'>
}

/** Tokens of the subject that is answered to, `$JS.ACK.<stream>.<consumer>.…`; newer ones have two more. */
const TOKENS = 9
const NEWER_TOKENS = 11

/** Undefined for a message that no consumer sent. */
export function toPulledMessage(message: Msg): PulledMessage | undefined {
  const tokens = message.reply?.split('.') ?? []
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK' || tokens.length < TOKENS) return undefined
  const start = tokens.length >= NEWER_TOKENS ? 6 : 4
  const [deliveryCount = 1, seq = 0, , , pending = 0] = tokens.slice(start).map(Number)
  let isAnswered = false
  const answer = (text: string): void => {
    if (isAnswered) return
    isAnswered = true
    message.respond(text)
  }
  return {
    data: message.data,
    headers: message.headers,
    seq,
    info: { stream: tokens[start - 2] ?? '', deliveryCount, pending },
    string: () => message.string(),
    ack: () => answer('+ACK'),
    nak: (ms) =>
      answer(ms ? `-NAK ${JSON.stringify({ delay: Math.round(ms * 1_000_000) })}` : '-NAK'),
    working: () => void (isAnswered || message.respond('+WPI')),
    term: (reason = '') => answer(reason === '' ? '+TERM' : `+TERM ${reason}`),
  }
}

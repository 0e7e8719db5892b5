/**
 * A message that was pulled from a consumer. The client makes such messages only in its own pull
 * loop, which cannot pull by number and bytes at once; this one has what ours needs of them.
 */
import type { JsMsg } from '@nats-io/jetstream'
import type { Msg, MsgHdrs } from '@nats-io/nats-core'

/** What is used of a message of a consumer. */
export type PulledMessage = Pick<
  JsMsg,
  'data' | 'headers' | 'seq' | 'string' | 'ack' | 'nak' | 'term' | 'working'
> & {
  readonly info: Pick<JsMsg['info'], 'stream' | 'deliveryCount' | 'pending'> & {
    /** When the stream stored it, in nanoseconds since 1970, as the server writes it. */
    readonly storedAtNanos: string
  }
}

/** Tokens of the subject that is answered to, `$JS.ACK.<stream>.<consumer>.…`; newer ones have two more. */
const TOKENS = 9
const NEWER_TOKENS = 11

/** Undefined for a message that no consumer sent. */
export function toPulledMessage(message: Msg): PulledMessage | undefined {
  const tokens = message.reply?.split('.') ?? []
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK' || tokens.length < TOKENS) return undefined
  return new Pulled(message, tokens)
}

/** A class, and its headers read only when they are asked for: there is one for each delivery. */
class Pulled implements PulledMessage {
  readonly #message: Msg
  readonly seq: number
  readonly info: PulledMessage['info']
  #isAnswered = false

  constructor(message: Msg, tokens: readonly string[]) {
    this.#message = message
    const start = tokens.length >= NEWER_TOKENS ? 6 : 4
    this.seq = Number(tokens[start + 1])
    this.info = {
      stream: tokens[start - 2] ?? '',
      deliveryCount: Number(tokens[start]),
      storedAtNanos: tokens[start + 3] ?? '',
      pending: Number(tokens[start + 4]),
    }
  }

  get data(): Uint8Array {
    return this.#message.data
  }

  get headers(): MsgHdrs | undefined {
    return this.#message.headers
  }

  string(): string {
    return this.#message.string()
  }

  ack(): void {
    this.#answer('+ACK')
  }

  nak(ms?: number): void {
    this.#answer(ms ? `-NAK ${JSON.stringify({ delay: Math.round(ms * 1_000_000) })}` : '-NAK')
  }

  term(reason = ''): void {
    this.#answer(reason === '' ? '+TERM' : `+TERM ${reason}`)
  }

  working(): void {
    if (!this.#isAnswered) this.#message.respond('+WPI')
  }

  #answer(text: string): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    this.#message.respond(text)
  }
}

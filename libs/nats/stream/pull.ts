/**
 * Pulls from a consumer for as long as its places last: one request at a time, for as many messages
 * and bytes as there is room for. What the client's own loop holds back beyond what is in hand is
 * memory that nobody counts.
 */
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/nats-core'
import type { MsgImpl } from '@nats-io/nats-core/internal'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { toPulledMessage, type PulledMessage } from './pulled-message.ts'

/** How long before a request is renewed; its heartbeats tell a dead one from a quiet stream. */
const EXPIRES_MS = 30_000
const HEARTBEAT_MS = 5_000

/** Two missed heartbeats are a request that died with its server. */
const SILENCE_MS = 2 * HEARTBEAT_MS + 1_000

/** A request for one large message is short: its bytes are lent. */
const LARGE_EXPIRES_MS = 2_000

/** So many bytes do not fit a message with its headers. */
const BYTES_MIN = 1_024

/** A request for each place that gets free would be one for each message: a quarter of them, at once. */
const PLACES_SHARE = 4

/** Fewer free places wait so long for more; where the others are taken for long, they are used too. */
const FEW_PLACES_MS = 20

const NANOS = 1_000_000

/** The bytes that a pull may have in hand. */
export interface ByteAllowance {
  readonly granted: number
  /** Waits for room for one more message of any size. @throws when the signal aborts. */
  grow(signal: AbortSignal): Promise<void>
  /** Gives back what is not needed for so many bytes. */
  shrink(neededBytes: number): void
}

/** What {@link pull} needs. */
export interface PullOptions {
  stream: string
  durable: string
  /** How many messages may be in hand at once; asked before each request. */
  places: () => number
  /** Where there may be more places without a message being settled: calls `act` then, until disposed. */
  onRoom?: ((act: () => void) => Disposable) | undefined
  /** Absent for as many bytes as come. */
  bytes?: ByteAllowance | undefined
  /** Handles a message; resolves when it is settled, never rejects. */
  onMessage: (message: PulledMessage) => Promise<void>
  /** Aborts to end it: resolves then. */
  signal: AbortSignal
}

/** The pull has ended by itself: the consumer is gone, or the server; a new one may do. */
export class PullEndedError extends Error {
  override readonly name = 'PullEndedError'
  readonly code = 'PULL_ENDED'
}

/** A request that the server has. */
interface Request {
  readonly subject: string
  left: number
  bytesLeft: number
}

/**
 * Pulls until the signal aborts. What comes after it is given back at once.
 * @throws {PullEndedError}
 */
export async function pull(nats: Nats, options: PullOptions): Promise<void> {
  const session = new Session(nats, options)
  try {
    await session.ended
  } finally {
    await session.stop()
  }
}

class Session {
  readonly #options: PullOptions
  readonly #connection: NatsConnection
  readonly #inbox: string
  readonly #subscription
  readonly #end = Promise.withResolvers<void>()
  readonly #ending = new AbortController()
  readonly #watchdog: NodeJS.Timeout
  readonly #onAbort = (): void => this.#end.resolve()
  readonly #forget: () => void
  readonly #room: Disposable | undefined
  #request: Request | undefined
  #requestCount = 0
  #isGrowing = false
  #hasGrown = false
  #fewPlacesTimer: NodeJS.Timeout | undefined
  #inHandCount = 0
  #inHandBytes = 0

  constructor(nats: Nats, options: PullOptions) {
    this.#options = options
    this.#connection = nats.connection
    this.#inbox = nats.createInbox()
    this.#watchdog = setTimeout(() => this.#onSilence(), SILENCE_MS)
    this.#subscription = this.#connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error) this.#fail(String(error))
        else this.#take(message)
      },
    })
    // The server forgets a request when its connection is lost.
    this.#forget = nats.onConnectedChange((isConnected) => {
      if (!isConnected) return
      this.#request = undefined
      this.#next()
    })
    this.#room = options.onRoom?.(() => this.#next())
    options.signal.addEventListener('abort', this.#onAbort)
    if (options.signal.aborted) this.#end.resolve()
    else this.#next()
  }

  get ended(): Promise<void> {
    return this.#end.promise
  }

  async stop(): Promise<void> {
    this.#ending.abort()
    clearTimeout(this.#watchdog)
    clearTimeout(this.#fewPlacesTimer)
    this.#forget()
    this.#room?.[Symbol.dispose]()
    this.#options.signal.removeEventListener('abort', this.#onAbort)
    // What is on its way still comes, and is given back.
    await this.#subscription.drain().catch(() => undefined)
  }

  /** While nothing is asked for, as there is no room, nothing can be silent. */
  #onSilence(): void {
    if (this.#request) this.#fail('the pull went silent')
    else this.#watchdog.refresh()
  }

  #fail(reason: string): void {
    this.#end.reject(new PullEndedError(reason))
  }

  /** Asks for what there is room for; called whenever there may be more. */
  #next(freeMin?: number): void {
    const { bytes, places } = this.#options
    if (this.#ending.signal.aborted || this.#request || this.#isGrowing) return
    const placeCount = places()
    const freeCount = placeCount - this.#inHandCount
    if (freeCount < 1) return
    if (freeCount < (freeMin ?? Math.floor(placeCount / PLACES_SHARE))) return this.#askLater()
    const bytesFree = bytes ? bytes.granted - this.#inHandBytes : Number.POSITIVE_INFINITY
    if (bytesFree < BYTES_MIN) this.#grow()
    else this.#send(this.#hasGrown ? 1 : freeCount, bytesFree)
  }

  #askLater(): void {
    this.#fewPlacesTimer ??= setTimeout(() => {
      this.#fewPlacesTimer = undefined
      this.#next(1)
    }, FEW_PLACES_MS)
  }

  #send(batch: number, bytesFree: number): void {
    const { stream, durable } = this.#options
    this.#requestCount += 1
    const subject = `${this.#inbox}.${this.#requestCount}`
    this.#request = { subject, left: batch, bytesLeft: bytesFree }
    const asked = {
      batch,
      ...(Number.isFinite(bytesFree) && { max_bytes: bytesFree }),
      expires: (this.#hasGrown ? LARGE_EXPIRES_MS : EXPIRES_MS) * NANOS,
      ...(!this.#hasGrown && { idle_heartbeat: HEARTBEAT_MS * NANOS }),
    }
    this.#hasGrown = false
    this.#watchdog.refresh()
    try {
      const at = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`
      this.#connection.publish(at, JSON.stringify(asked), { reply: subject })
    } catch (error) {
      this.#fail(String(error))
    }
  }

  #grow(): void {
    this.#isGrowing = true
    this.#options.bytes
      ?.grow(this.#ending.signal)
      .then(() => (this.#hasGrown = true))
      .catch(() => undefined)
      .finally(() => {
        this.#isGrowing = false
        this.#next()
      })
  }

  #take(received: Msg): void {
    this.#watchdog.refresh()
    const message = toPulledMessage(received)
    if (!message) return this.#takeStatus(received)
    // As the server counts it against the bytes that were asked for, and nothing of it is decoded.
    const size = (received as MsgImpl).size()
    const request = this.#request
    if (request) {
      request.left -= 1
      request.bytesLeft -= size
      if (request.left <= 0) this.#request = undefined
    }
    if (this.#ending.signal.aborted) return message.nak()
    this.#inHandCount += 1
    this.#inHandBytes += size
    void this.#options.onMessage(message).finally(() => {
      this.#inHandCount -= 1
      this.#inHandBytes -= size
      this.#shrink()
      this.#next()
    })
    this.#next()
  }

  #shrink(): void {
    if (this.#isGrowing || this.#hasGrown) return
    this.#options.bytes?.shrink(this.#inHandBytes + (this.#request?.bytesLeft ?? 0))
  }

  #takeStatus({ subject, headers }: Msg): void {
    const { code, text } = statusOf(headers)
    // A word about an earlier request.
    if (code === 100 || subject !== this.#request?.subject) return
    this.#request = undefined
    if (code === 409 && /maxbytes/i.test(text)) this.#grow()
    else if (code === 408 || /batch completed/i.test(text)) {
      this.#shrink()
      this.#next()
    } else this.#fail(`${code} ${text}`.trim())
  }
}

const statusOf = (headers: MsgHdrs | undefined): { code: number; text: string } => ({
  code: headers?.code ?? 0,
  text: headers?.description ?? '',
})

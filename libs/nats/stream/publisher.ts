/**
 * Publishes into streams over one connection. The client's own publish is a request, with a timer,
 * three promises and an Error for each that succeeds; here all acknowledgements come to one inbox, and
 * one timer for all says which of them did not. Who publishes much is told without a promise.
 */
import {
  JetStreamApiCodes,
  JetStreamApiError,
  JetStreamError,
  type PubAck,
} from '@nats-io/jetstream'
import { jserrors } from '@nats-io/jetstream/internal'
import {
  errors,
  headers,
  RequestError,
  TimeoutError,
  type Msg,
  type MsgHdrs,
} from '@nats-io/transport-node'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { startPatientTimer } from '#libs/nats/connection/patient-timer.ts'

/** How often deadlines are checked: a timeout may be late by this much. */
const LOOK_MS = 100

/** The options of one publish, named as the client names them. */
export interface PublishOptions {
  /**
   * The same for every try of the same message: the stream keeps the first within its window. Absent
   * where another way says whether a message is there already.
   */
  msgID?: string
  headers?: MsgHdrs
  /** In milliseconds. */
  timeout: number
  /** Of the last message on the subject, 0 for none: else the stream refuses this one. */
  expect?: { lastSubjectSequence: number }
}

/** Whatever publishes into streams; the client's own `JetStreamClient` is one. */
export interface StreamPublisher {
  /**
   * Publishes and resolves with the stream's acknowledgement.
   * @throws {TimeoutError} when none came in time; {@link JetStreamApiError} when the stream refuses;
   * `jserrors.JetStreamNotEnabled` when no stream takes the subject; the client's errors when
   * nothing was sent (closed, too large) or the server does not permit it.
   */
  publish(subject: string, payload: Uint8Array, options: PublishOptions): Promise<PubAck>
}

/** Who is told what became of one publish: of the two, once. */
export interface AckListener {
  onAck(ack: PubAck): void
  /** With what {@link StreamPublisher.publish} would reject with. */
  onFailure(error: unknown): void
}

/** One that can also do without a promise for each. */
export interface Publisher extends StreamPublisher {
  /**
   * Publishes and tells `listener`, later, what became of it.
   * @throws the client's errors when nothing was sent; the listener is told nothing then.
   */
  send(subject: string, payload: Uint8Array, options: PublishOptions, listener: AckListener): void
}

/** The connection was lost while an acknowledgement was awaited: whether it was stored is not known. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError'
  readonly code = 'CONNECTION_LOST'
}

interface Waiting {
  subject: string
  dueAt: number
  listener: AckListener
}

/**
 * A publisher on `nats`; its inbox is closed with the connection. What awaits its acknowledgement
 * when the connection is lost is rejected at once with {@link ConnectionLostError}. How many may
 * wait at once is the bound of whoever publishes.
 */
export function createPublisher(nats: Nats): Publisher {
  const { connection } = nats
  const waiting = new Map<string, Waiting>()
  const inbox = nats.createInbox()
  let count = 0
  let looking: Disposable | undefined

  const settle = (token: string): Waiting | undefined => {
    const found = waiting.get(token)
    waiting.delete(token)
    return found
  }
  const failAll = (errorOf: (of: Waiting) => Error | undefined): void => {
    for (const [token, each] of waiting) {
      const error = errorOf(each)
      if (!error) continue
      waiting.delete(token)
      each.listener.onFailure(error)
    }
  }
  const lookLater = (): void => {
    if (looking || waiting.size === 0) return
    const lookAt = performance.now() + LOOK_MS
    // However late it comes, it judges. Whoever was due after it should have come is left to the
    // next: what came for those may lie in the socket still.
    looking = startPatientTimer(LOOK_MS, () => {
      looking = undefined
      failAll(({ dueAt }) => (dueAt <= lookAt ? new TimeoutError() : undefined))
      lookLater()
    })
  }
  connection.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error) return
      const found = settle(message.subject.slice(inbox.length + 1))
      if (found) answer(found, message)
    },
  })
  nats.onConnectedChange((isConnected) => {
    if (!isConnected) failAll(() => new ConnectionLostError('the connection was lost'))
  })
  nats.onRefused((refused) => {
    if (!(refused instanceof errors.PermissionViolationError)) return
    const failed = new RequestError(refused.message, { cause: refused })
    failAll(({ subject }) => (refused.subject === subject ? failed : undefined))
  })
  const send: Publisher['send'] = (subject, payload, options, listener) => {
    const token = (count++).toString(36)
    // What is not sent throws here, and nothing waits for it.
    connection.publish(subject, payload, {
      headers: headersOf(options),
      reply: `${inbox}.${token}`,
    })
    waiting.set(token, { subject, dueAt: performance.now() + options.timeout, listener })
    lookLater()
  }
  return {
    send,
    publish(subject, payload, options) {
      return new Promise((resolve, reject) => {
        send(subject, payload, options, { onAck: resolve, onFailure: reject })
      })
    },
  }
}

function headersOf({ msgID, headers: made = headers(), expect }: PublishOptions): MsgHdrs {
  if (msgID !== undefined) made.set('Nats-Msg-Id', msgID)
  if (expect) {
    made.set('Nats-Expected-Last-Subject-Sequence', String(expect.lastSubjectSequence))
  }
  return made
}

/** Tells what the client's own publish would come to with that answer. */
function answer({ subject, listener }: Waiting, message: Msg): void {
  let ack: PubAck
  try {
    ack = readAck(subject, message)
  } catch (error) {
    return listener.onFailure(error)
  }
  listener.onAck(ack)
}

type ApiError = ConstructorParameters<typeof JetStreamApiError>[0]
type Answer = PubAck & { error?: ApiError }

function refusalOf(error: ApiError): Error {
  const refusal = new JetStreamApiError(error)
  if (refusal.code !== JetStreamApiCodes.JetStreamNotEnabledForAccount) return refusal
  return new jserrors.JetStreamNotEnabled(refusal.message, { cause: refusal })
}

function readAck(subject: string, message: Msg): PubAck {
  if (message.headers?.code === 503 && message.data.length === 0) {
    const cause = new RequestError('no responders', {
      cause: new errors.NoRespondersError(subject),
    })
    throw new jserrors.JetStreamNotEnabled('jetstream is not enabled', { cause })
  }
  const ack = message.json<Answer>()
  if (ack.error) throw refusalOf(ack.error)
  if (!ack.stream) throw new JetStreamError('invalid ack response')
  ack.duplicate ??= false
  return ack
}

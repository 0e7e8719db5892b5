/**
 * One POST and its answer, by undici's `dispatch`: its `request` makes a stream, a signal and their
 * listeners for each, of which a POST whose answer's body nobody reads needs nothing.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import type { DeliveryRequest } from '#apps/caduceus/delivery/request.ts'
import { createDeadlines, type Deadlines, type Expiring } from './deadlines.ts'
import type { ReceiverUrl } from './receiver-url.ts'
import type { Resolver } from './resolver.ts'

/** A receiver's answer says yes or no; more of it than this is not read. */
const RESPONSE_BYTES_MAX = 64 * 1024

/** The receiver did not answer in time. */
export class AttemptTimeoutError extends Error {
  override readonly name = 'AttemptTimeoutError'
  readonly code = 'ATTEMPT_TIMEOUT'
}

/** What came of it: an answer, or why there is none. */
export type Posted =
  | { readonly status: number; readonly retryAfter: string | undefined }
  | { readonly status?: undefined; readonly error: unknown }

/** Sends a POST; a look-up of the name counts for `owner`. Never rejects. */
export type Post = (url: ReceiverUrl, request: DeliveryRequest, owner: string) => Promise<Posted>

/** What {@link createPost} needs. */
export interface PostOptions {
  dispatcher: Dispatcher
  resolver: Resolver
  /** From the look-up of the name to the end of the answer. */
  withinMs: number
}

/** Sends POSTs, redirects are not followed. */
export function createPost({ dispatcher, resolver, withinMs }: PostOptions): Post {
  const deadlines = createDeadlines(withinMs)
  return (url, { headers, body }, owner) =>
    new Promise((resolve) => {
      const posting = new Posting(resolve, deadlines)
      const send = (): void => {
        if (posting.isSettled) return
        const { origin, path } = url
        // The deadline is ours: undici's own would be two timers more for each connection.
        const timeouts = { headersTimeout: 0, bodyTimeout: 0 }
        const options = { origin, path, method: 'POST', headers, body, ...timeouts } as const
        try {
          dispatcher.dispatch(options, posting)
        } catch (error) {
          posting.settle(error)
        }
      }
      // Here and not only when it is dialled, as the owner is known here.
      if (resolver.isKnown(url.hostname)) send()
      else resolver.resolve(url.hostname, owner).then(send).catch(posting.settle)
    })
}

/** One that is under way. undici calls it at each step; whatever ends it first settles it. */
class Posting implements Dispatcher.DispatchHandler, Expiring {
  readonly #resolve: (posted: Posted) => void
  readonly #deadlines: Deadlines
  #controller: Dispatcher.DispatchController | undefined
  #answer: Posted | undefined
  #byteCount = 0
  isSettled = false

  constructor(resolve: (posted: Posted) => void, deadlines: Deadlines) {
    this.#resolve = resolve
    this.#deadlines = deadlines
    deadlines.begin(this)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // It waited for a connection for too long: nothing is sent any more.
    if (this.isSettled) controller.abort(new AttemptTimeoutError())
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    // An informational response, such as 103 Early Hints, is not the answer.
    if (status < 200) return
    const retryAfter = headers['retry-after'] as string | string[] | undefined
    this.#answer = { status, retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter }
  }

  /**
   * The body changes nothing any more, but must be read before the connection can be used again.
   */
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#byteCount += chunk.length
    if (this.#byteCount > RESPONSE_BYTES_MAX) controller.abort(new Error('answer too long'))
  }

  onResponseEnd(): void {
    this.settle(undefined)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.settle(error)
  }

  expire(): void {
    const error = new AttemptTimeoutError()
    this.settle(error)
    this.#controller?.abort(error)
  }

  /** The end, for whatever reason: an answer that has begun counts. */
  readonly settle = (error: unknown): void => {
    if (this.isSettled) return
    this.isSettled = true
    this.#deadlines.end(this)
    this.#resolve(this.#answer ?? { error })
  }
}

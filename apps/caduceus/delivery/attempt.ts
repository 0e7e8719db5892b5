/** One POST to one receiver and what came of it. Whether there is another is not decided here. */
import { errors, request, type Dispatcher } from 'undici'
import type { AttemptOutcome, Metrics } from '#apps/caduceus/metrics.ts'
import { AddressRefusedError } from './dial.ts'
import type { DeliveryRequest } from './request.ts'
import { parseRetryAfter } from './schedule.ts'

/** A receiver's answer says yes or no; more of it than this is not read. */
const RESPONSE_BYTES_MAX = 64 * 1024

/** What came of an attempt. Only a 2xx is a success: Standard Webhooks 1.0.0. */
interface Attempt {
  outcome: AttemptOutcome
  /** The response's status, where there was a response. */
  status?: number
  /** What the receiver asked for, in milliseconds. */
  retryAfterMs?: number | undefined
}

/** Makes attempts. Never rejects. */
export type AttemptDelivery = (url: string, request: DeliveryRequest) => Promise<Attempt>

/** What {@link createAttempts} needs. */
export interface AttemptsOptions {
  dispatcher: Dispatcher
  attemptMs: number
  metrics: Metrics
}

/** Attempts through `dispatcher`, each at most `attemptMs` long; redirects are not followed. */
export function createAttempts({
  dispatcher,
  attemptMs,
  metrics,
}: AttemptsOptions): AttemptDelivery {
  return async (url, { headers, body }) => {
    const observe = metrics.attemptSeconds.startTimer()
    metrics.attemptsInFlight.inc()
    let attempt: Attempt
    try {
      const response = await request(url, {
        dispatcher,
        method: 'POST',
        headers,
        body,
        headersTimeout: attemptMs,
        bodyTimeout: attemptMs,
        signal: AbortSignal.timeout(attemptMs),
      })
      attempt = judge(response)
      // What follows the status changes nothing any more, but the connection needs it read.
      await response.body.dump({ limit: RESPONSE_BYTES_MAX }).catch(() => undefined)
    } catch (error) {
      attempt = { outcome: outcomeOfError(error) }
    }
    observe()
    metrics.attemptsInFlight.dec()
    metrics.attempts.inc({ outcome: attempt.outcome })
    return attempt
  }
}

function judge({ statusCode: status, headers }: Dispatcher.ResponseData): Attempt {
  const retryAfterMs = parseRetryAfter([headers['retry-after']].flat()[0], Date.now())
  return { outcome: outcomeOfStatus(status), status, retryAfterMs }
}

function outcomeOfStatus(status: number): AttemptOutcome {
  if (status >= 200 && status < 300) return 'delivered'
  if (status < 400) return 'redirected'
  if (status === 429) return 'throttled'
  return status < 500 ? 'rejected' : 'failed'
}

function outcomeOfError(error: unknown): AttemptOutcome {
  if (error instanceof AddressRefusedError) return 'address-refused'
  const isTimeout =
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError ||
    (error instanceof Error && error.name === 'TimeoutError')
  return isTimeout ? 'timed-out' : 'unreachable'
}

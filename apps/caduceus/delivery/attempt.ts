/** One POST to one receiver and what came of it. Whether there is another is not decided here. */
import { errors, request, type Dispatcher } from 'undici'
import type { AttemptOutcome, Metrics } from '#apps/caduceus/metrics.ts'
import { untilAborted } from '#libs/retry/until-aborted.ts'
import { formatTraceparent, type TraceContext } from '#libs/trace/context.ts'
import type { Span, Tracer } from '#libs/trace/tracer.ts'
import { AddressRefusedError, bare } from './receiver/dial.ts'
import type { Resolver } from './receiver/resolver.ts'
import type { DeliveryRequest } from './request.ts'
import { parseRetryAfter } from './schedule.ts'

/** A receiver's answer says yes or no; more of it than this is not read. */
const RESPONSE_BYTES_MAX = 64 * 1024

/** What came of an attempt. Only a 2xx is a success: Standard Webhooks 1.0.0. */
export interface Attempt {
  outcome: AttemptOutcome
  /** The response's status, where there was a response. */
  status?: number
  /** What the receiver asked for, in milliseconds. */
  retryAfterMs?: number | undefined
}

/** What an attempt is a part of. */
export interface AttemptFacts {
  webhookId: string
  /** How many attempts there were before. */
  resendCount: number
  /** The span of the delivery, or that of the event where nothing is traced here. */
  trace: TraceContext | undefined
}

/** Whose attempt it is. A notice to an owner is a part of nothing. */
export interface AttemptOf {
  owner: string
  facts?: AttemptFacts
}

/** Makes attempts. Never rejects. */
export type AttemptDelivery = (
  url: string,
  request: DeliveryRequest,
  of: AttemptOf,
) => Promise<Attempt>

/** What {@link createAttempts} needs. */
export interface AttemptsOptions {
  dispatcher: Dispatcher
  resolver: Resolver
  attemptMs: number
  tracer: Tracer | undefined
  metrics: Metrics
}

/** Attempts through `dispatcher`, each at most `attemptMs` long; redirects are not followed. */
export function createAttempts({
  dispatcher,
  resolver,
  attemptMs,
  tracer,
  metrics,
}: AttemptsOptions): AttemptDelivery {
  return async (url, { headers, body }, { owner, facts }) => {
    const observe = metrics.attemptSeconds.startTimer()
    metrics.attemptsInFlight.inc()
    const span = tracer && facts && beginPost(tracer, url, body.length, facts)
    let attempt: Attempt
    try {
      const signal = AbortSignal.timeout(attemptMs)
      // Here and not only when it is dialled, as here is known whose turn it takes.
      await untilAborted(resolver.resolve(bare(new URL(url).hostname), owner), signal)
      const response = await request(url, {
        dispatcher,
        method: 'POST',
        headers: [...headers, ...traceHeaders(span?.context ?? facts?.trace)],
        body,
        headersTimeout: attemptMs,
        bodyTimeout: attemptMs,
        signal,
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
    if (span) endPost(span, attempt)
    return attempt
  }
}

/** Of the URL only the server: the rest is between the receiver and its owner. */
function beginPost(
  tracer: Tracer,
  url: string,
  byteCount: number,
  { webhookId, resendCount, trace }: AttemptFacts,
): Span {
  const { hostname, port, protocol } = new URL(url)
  const isTls = protocol === 'https:'
  return tracer.begin('POST', {
    kind: 'client',
    parent: trace,
    attributes: {
      'http.request.method': 'POST',
      'http.request.body.size': byteCount,
      'http.request.resend_count': resendCount > 0 ? resendCount : undefined,
      'server.address': hostname,
      'server.port': port === '' ? (isTls ? 443 : 80) : Number(port),
      'url.scheme': isTls ? 'https' : 'http',
      'xmidt.webhook.id': webhookId,
    },
  })
}

function endPost(span: Span, { outcome, status }: Attempt): void {
  span.set({ 'http.response.status_code': status })
  if (outcome !== 'delivered') span.fail(status === undefined ? outcome : String(status))
  span.end()
}

function traceHeaders(context: TraceContext | undefined): string[] {
  if (!context) return NO_HEADERS
  const state = context.state === undefined ? [] : ['tracestate', context.state]
  return ['traceparent', formatTraceparent(context), ...state]
}

const NO_HEADERS: string[] = []

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

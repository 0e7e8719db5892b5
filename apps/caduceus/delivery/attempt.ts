/** One POST to one receiver and what came of it. Whether there is another is not decided here. */
import { errors, type Dispatcher } from 'undici'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { AttemptOutcome } from '#apps/caduceus/reasons.ts'
import { formatTraceparent, type TraceContext } from '#libs/trace/context.ts'
import type { Span, Tracer } from '#libs/trace/tracer.ts'
import { AddressRefusedError } from './receiver/dial.ts'
import { AttemptTimeoutError, createPost, type Posted } from './receiver/post.ts'
import { createReceiverUrls, type ReceiverUrl } from './receiver/receiver-url.ts'
import type { Resolver } from './receiver/resolver.ts'
import type { DeliveryRequest } from './request.ts'
import { parseRetryAfter } from './schedule.ts'

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
  const receiverUrlOf = createReceiverUrls()
  const post = createPost({ dispatcher, resolver, withinMs: attemptMs })
  return async (url, { headers, body }, { owner, facts }) => {
    const startedAtMs = performance.now()
    metrics.attemptsInFlight.inc()
    const to = receiverUrlOf(url)
    const span = tracer && facts && to && beginPost(tracer, to, body.length, facts)
    const context = span?.context ?? facts?.trace
    const sent = context ? [...headers, ...traceHeaders(context)] : headers
    const posted = to && (await post(to, { headers: sent, body }, owner))
    const attempt = judge(posted ?? { error: undefined })
    metrics.attemptSeconds.observe((performance.now() - startedAtMs) / 1_000)
    metrics.attemptsInFlight.dec()
    metrics.attempts.inc({ outcome: attempt.outcome })
    if (span) endPost(span, attempt)
    return attempt
  }
}

/** Of the URL only the server: the rest is between the receiver and its owner. */
function beginPost(
  tracer: Tracer,
  { hostname, port, scheme }: ReceiverUrl,
  byteCount: number,
  { webhookId, resendCount, trace }: AttemptFacts,
): Span {
  return tracer.begin('POST', {
    kind: 'client',
    parent: trace,
    attributes: {
      'http.request.method': 'POST',
      'http.request.body.size': byteCount,
      'http.request.resend_count': resendCount > 0 ? resendCount : undefined,
      'server.address': hostname,
      'server.port': port,
      'url.scheme': scheme,
      'xmidt.webhook.id': webhookId,
    },
  })
}

function endPost(span: Span, { outcome, status }: Attempt): void {
  span.set({ 'http.response.status_code': status })
  if (outcome !== 'delivered') span.fail(status === undefined ? outcome : String(status))
  span.end()
}

function traceHeaders(context: TraceContext): string[] {
  const state = context.state === undefined ? [] : ['tracestate', context.state]
  return ['traceparent', formatTraceparent(context), ...state]
}

function judge(posted: Posted): Attempt {
  if (posted.status === undefined) return { outcome: outcomeOfError(posted.error) }
  const { status, retryAfter } = posted
  const retryAfterMs = parseRetryAfter(retryAfter, Date.now())
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
    error instanceof AttemptTimeoutError || error instanceof errors.ConnectTimeoutError
  return isTimeout ? 'timed-out' : 'unreachable'
}

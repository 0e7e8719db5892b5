/** What every request passes on its way in and out: it is measured, and it is let in or not. */
import type { MiddlewareHandler } from 'hono'
import type { Span } from '#libs/trace/tracer.ts'
import type { Access } from './access.ts'
import type { Admission } from './admission.ts'
import type { RefusalReason, ScytaleMetrics } from '#apps/scytale/metrics.ts'
import type { RequestForm } from '#apps/scytale/message/read-message.ts'
import { Refusal } from '#apps/scytale/refusal.ts'

/** What is known of a request while it is on its way. */
export interface ApiEnv {
  Variables: {
    /** Which route took it, for the metrics. */
    route: 'send' | 'stat' | undefined
    /** Why it was refused, once it was. */
    refusal: RefusalReason | undefined
    form: RequestForm
    access: Access
    /** The span of the request; undefined without tracing. */
    span?: Span | undefined
  }
}

/** In seconds: after a moment there is room again, or another Scytale is known. */
const RETRY_AFTER = { 'Retry-After': '1' }

/** A request that is answered. */
export interface Answered {
  route: 'send' | 'stat' | 'other'
  status: number
  refusal: RefusalReason | undefined
  /** When its head had come, by `performance.now()`. */
  startedAt: number
}

/** Counts an answer, and its refusal. */
export function countAnswer(
  metrics: ScytaleMetrics,
  { route, status, refusal, startedAt }: Answered,
): void {
  metrics.requestSeconds.observe({ route }, (performance.now() - startedAt) / 1_000)
  metrics.requests.inc({ route, code: String(status) })
  // The limit of bodies answers by itself and throws nothing.
  const reason = refusal ?? (status === 413 ? 'body-too-large' : undefined)
  if (reason) metrics.refusals.inc({ reason })
}

/** Counts each answer, and each refusal once. */
export function measured(metrics: ScytaleMetrics): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const startedAt = performance.now()
    await next()
    const { route = 'other', refusal } = c.var
    countAnswer(metrics, { route, refusal, status: c.res.status, startedAt })
  }
}

/**
 * Lets a request in, until what it returns is disposed.
 * @throws {Refusal} 503 for what is too much at once, and for what comes when this Scytale is ending.
 */
export function admit(admission: Admission): Disposable {
  const entered = admission.enter()
  if (entered === 'overloaded') {
    throw new Refusal(503, entered, 'too many requests are under way', { headers: RETRY_AFTER })
  }
  if (entered === 'ending') {
    // The next attempt is to be a connection of its own, which leads to another Scytale.
    const headers = { ...RETRY_AFTER, Connection: 'close' }
    throw new Refusal(503, entered, 'this Scytale is ending: the request was not sent', {
      headers,
    })
  }
  return entered
}

/** {@link admit} for each request. */
export function admitted(admission: Admission): MiddlewareHandler<ApiEnv> {
  return async (_c, next) => {
    using _pass = admit(admission)
    await next()
  }
}

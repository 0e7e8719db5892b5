/** What every request passes on its way in and out: it is measured, and it is let in or not. */
import type { MiddlewareHandler } from 'hono'
import type { Span } from '#libs/trace/tracer.ts'
import type { Access } from './access.ts'
import { createAdmission } from './admission.ts'
import type { RefusalReason, ScytaleMetrics } from './metrics.ts'
import type { RequestForm } from './read-message.ts'
import { Refusal } from './refusal.ts'

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

/** A request that had to be refused for want of room is worth trying again after a moment. */
const OVERLOADED_RETRY_SECONDS = 1

/** Counts each answer, and each refusal once. */
export function measured(metrics: ScytaleMetrics): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const started = performance.now()
    await next()
    const route = c.get('route') ?? 'other'
    const { status } = c.res
    metrics.requestSeconds.observe({ route }, (performance.now() - started) / 1_000)
    metrics.requests.inc({ route, code: String(status) })
    // The limit of bodies answers by itself and throws nothing.
    const reason = c.get('refusal') ?? (status === 413 ? 'body-too-large' : undefined)
    if (reason) metrics.refusals.inc({ reason })
  }
}

/** Refuses with 503 what is over `countMax` requests at once. */
export function admitted(countMax: number, metrics: ScytaleMetrics): MiddlewareHandler<ApiEnv> {
  const admission = createAdmission(countMax, (count) => metrics.requestsInFlight.set(count))
  return async (_c, next) => {
    using pass = admission.enter()
    if (!pass) {
      throw new Refusal(503, 'overloaded', 'too many requests are under way', {
        headers: { 'Retry-After': String(OVERLOADED_RETRY_SECONDS) },
      })
    }
    await next()
  }
}

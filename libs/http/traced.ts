/** A span for each request to a server, by OpenTelemetry's conventions for HTTP. */
import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { parseTraceContext, type TraceContext } from '#libs/trace/context.ts'
import type { Span, Tracer } from '#libs/trace/tracer.ts'
import type { HeaderLookup } from './plain-headers.ts'

/** What routes find in their context. */
export interface TracedEnv {
  Variables: {
    /** The span of this request; undefined without tracing. */
    span?: Span | undefined
  }
}

/** A span for each request; to be used only where there is a tracer, and before all else. */
export function traced(tracer: Tracer): MiddlewareHandler<TracedEnv> {
  return async (c, next) => {
    const span = beginRequest(tracer, {
      method: c.req.method,
      path: c.req.path,
      route: routeOf(c),
      parent: traceContextOf(c.req.raw.headers),
    })
    c.set('span', span)
    try {
      await next()
    } finally {
      endRequest(span, c.res.status)
    }
  }
}

/** The trace that a request's sender is in; undefined when he says nothing, or nothing sound. */
export const traceContextOf = (headers: HeaderLookup): TraceContext | undefined =>
  parseTraceContext(headers.get('traceparent'), headers.get('tracestate'))

/** What is known of a request before it is answered. */
export interface RequestFacts {
  method: string
  path: string
  /** The path with names in the place of what differs; undefined for one that is no route. */
  route: string | undefined
  /** The sender's. */
  parent: TraceContext | undefined
}

/** Begins the span of a request; the caller's trace goes on in it if it has one. */
export function beginRequest(tracer: Tracer, facts: RequestFacts): Span {
  const { method, path, route, parent } = facts
  // A span's name is one of few: anything may be asked for by any method.
  const isKnown = METHODS.has(method)
  return tracer.begin(`${isKnown ? method : 'HTTP'}${route === undefined ? '' : ` ${route}`}`, {
    kind: 'server',
    parent,
    attributes: {
      'http.request.method': isKnown ? method : '_OTHER',
      'http.route': route,
      'url.path': path,
      'url.scheme': 'http',
    },
  })
}

/** Ends it with the status of the answer: only what is the server's own fault is a failure. */
export function endRequest(span: Span, status: number): void {
  span.set({ 'http.response.status_code': status })
  if (status >= 500) span.fail(String(status))
  span.end()
}

const METHODS = new Set(
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY'.split(' ') as readonly string[],
)

/** The last of the routes that fit is the one for the request; what is for all is none. */
function routeOf(c: Context): string | undefined {
  const route = matchedRoutes(c)
    .map(({ path }) => path)
    .findLast((path) => !path.endsWith('*'))
  const asked = c.req.path.split('/')
  // A parameter with a pattern has few values, such as the version of the API.
  return route
    ?.split('/')
    .map((part, index) => (/^:\w+\{/.test(part) ? (asked[index] ?? part) : part))
    .join('/')
}

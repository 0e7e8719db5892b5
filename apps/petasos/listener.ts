/**
 * Puts answers on the wire. Head and body go in one write: genuine Parodus looks for the Location
 * in the first bytes that it reads. An upgrade gets the same answer as a plain request.
 */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { beginRequest, endRequest } from '#libs/http/traced.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { TalariaEntry } from '#libs/nats/bucket/talarias.ts'
import { parseTraceContext } from '#libs/trace/context.ts'
import { traceFields, type Span, type Tracer } from '#libs/trace/tracer.ts'
import type { PetasosFaults, PetasosMetrics } from './metrics.ts'
import { answer, redirectPage, type Side } from './redirect.ts'

/** An upgrade's socket is closed after its answer; a client that does not read is not waited for. */
const UPGRADE_CLOSE_MS = 5_000

/** What {@link createListener} needs. */
export interface ListenerOptions {
  talarias: () => ReadonlyMap<string, TalariaEntry>
  /** Whose URLs are told on this listener. */
  side: Side
  tracer: Tracer | undefined
  metrics: PetasosMetrics
  faults: PetasosFaults
  log: Logger
  /** Sent with every answer. */
  headers: Readonly<Record<string, string>>
  logsRedirects: boolean
}

/** How the server calls Petasos: for requests and for upgrades. */
export interface Listener {
  onRequest: (request: IncomingMessage, response: ServerResponse) => void
  onUpgrade: (request: IncomingMessage, socket: Duplex) => void
}

/** What answers on one port. */
export function createListener(options: ListenerOptions): Listener {
  return {
    onRequest(request, response) {
      const isAnswered = options.faults.try('request', () => {
        const { status, headers, body } = respond(request, options)
        // A body that is on its way is not waited for. Most have none, and reading none takes time too.
        if (hasBody(request)) request.resume()
        response.writeHead(status, headers)
        // All of it is ASCII: no URL of a Talaria and no path is told with anything else.
        response.end(body, 'latin1')
      })
      if (!isAnswered) response.destroy()
    },
    onUpgrade(request, socket) {
      socket.on('error', () => socket.destroy())
      const isAnswered = options.faults.try('upgrade', () => {
        answerUpgrade(socket, respond(request, options))
      })
      if (!isAnswered) socket.destroy()
    },
  }
}

function answerUpgrade(socket: Duplex, { status, headers, body }: Wire): void {
  const lines = Object.entries({ ...headers, Connection: 'close' })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines}\r\n${body}`)
  const timer = setTimeout(() => socket.destroy(), UPGRADE_CLOSE_MS)
  socket.once('close', () => clearTimeout(timer))
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined

/** The first value of the header; only where there may be several are all taken apart. */
function nameOf(request: IncomingMessage): string | undefined {
  const name = request.headers['x-webpa-device-name'] as string | undefined
  if (!name?.includes(',')) return name
  return request.headersDistinct['x-webpa-device-name']?.[0]
}

interface Wire {
  status: number
  headers: Record<string, string>
  body: string
}

function respond(request: IncomingMessage, options: ListenerOptions): Wire {
  const { tracer } = options
  if (!tracer) return judge(request, options, undefined)
  const span = beginRedirect(tracer, request)
  const wire = judge(request, options, span)
  endRequest(span, wire.status)
  return wire
}

/** The paths that devices ask; they may ask any, and a span's name is one of few. */
const ROUTE = /^\/api\/v[23]\/device$/

function beginRedirect(tracer: Tracer, { method = '', url = '', headers }: IncomingMessage): Span {
  const path = url.split('?', 1)[0] ?? ''
  const { traceparent, tracestate } = headers as { traceparent?: string; tracestate?: string }
  return beginRequest(tracer, {
    method,
    path,
    route: ROUTE.test(path) ? path : undefined,
    parent: parseTraceContext(traceparent, tracestate),
  })
}

function judge(request: IncomingMessage, options: ListenerOptions, span: Span | undefined): Wire {
  const { metrics, log, logsRedirects } = options
  const found = answer(nameOf(request), request.url ?? '', options.talarias(), options.side)
  if (found.kind === 'refused') {
    metrics.refused.inc({ reason: found.reason })
    return {
      status: found.status,
      ...withBody(request, `${found.text}\n`, {
        ...options.headers,
        ...found.headers,
        'Content-Type': 'text/plain; charset=utf-8',
        'X-Content-Type-Options': 'nosniff',
      }),
    }
  }
  metrics.redirects.inc({ talaria: found.talaria })
  span?.set({ 'xmidt.device.id': found.device, 'xmidt.talaria.id': found.talaria })
  if (logsRedirects) {
    const { device: deviceId, talaria } = found
    log.info({ deviceId, talaria, ...traceFields(span?.context) }, 'device redirected')
  }
  const headers: Record<string, string> = { ...options.headers, Location: found.location }
  const hasPage = request.method === 'GET' || request.method === 'HEAD'
  if (hasPage) headers['Content-Type'] = 'text/html; charset=utf-8'
  return { status: 307, ...withBody(request, hasPage ? redirectPage(found.location) : '', headers) }
}

/** A HEAD is told the length of what a GET would get, and gets nothing. */
function withBody(
  { method }: IncomingMessage,
  body: string,
  headers: Record<string, string>,
): Omit<Wire, 'status'> {
  return {
    headers: { ...headers, 'Content-Length': String(Buffer.byteLength(body)) },
    body: method === 'HEAD' ? '' : body,
  }
}

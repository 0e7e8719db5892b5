/** An HTTP server on one port: limits on what a client may take its time with, and an orderly end. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { BACKLOG, tellSmallBacklog } from './backlog.ts'
import { limitConnections, type ConnectionLimits } from './connections.ts'
import { withValidHost } from './host.ts'
import type { ServerTls } from './tls.ts'

/** Headers and body of one request must be there by then; upstream's read time-out is 5 s. */
const REQUEST_MS = 30_000

/** A client that dribbles its headers holds a socket: ten seconds are enough for any honest one. */
const HEADERS_MS = 10_000

/** How often it is looked whether one of those limits has passed; Node's own is 30 s. */
const LIMIT_CHECK_MS = 1_000

/** Idle connections are kept for the next request, a little longer than load balancers keep theirs. */
const KEEP_ALIVE_MS = 65_000

/** How long the end waits for requests that are under way. */
const CLOSE_MS = 5_000

/** How often connections whose last request is done are closed while the end waits for others. */
const CLOSE_IDLE_MS = 50

/** Tokens and WRP headers fit many times over; Node's default is the same, said here on purpose. */
const HEADER_BYTES_MAX = 16 * 1024

/** The port is somebody else's. */
export class PortTakenError extends Error {
  readonly code = 'PORT_TAKEN'
  override readonly name = 'PortTakenError'
}

/** A server that listens. Disposing it lets requests finish, for 5 s at most. */
export interface HttpServer extends AsyncDisposable {
  /** Such as `http://127.0.0.1:6200`, with the real port. */
  readonly url: string
  readonly port: number
  readonly server: Server
  /** Takes no new connection from now on; those that are there stay. */
  stopListening(): void
  /**
   * Hands requests that want another protocol to `take` from now on. Before that, and without it,
   * each is an ordinary request: whoever must know its port before it can take any listens first.
   */
  takeUpgrades(take: TakeUpgrade): void
}

/** Takes one request that wants another protocol; the socket is its own from there on. */
export type TakeUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** What {@link serve} needs. */
export interface ServeOptions {
  /** Answers requests; or `listener` does. */
  fetch?: (request: Request, bindings: HttpBindings) => Response | Promise<Response>
  /** For an app that must decide how its answer is put on the wire. */
  listener?: RequestListener
  hostname: string
  /** 0 takes any free one. */
  port: number
  requestTimeoutMs?: number
  /** Without it the port speaks plain HTTP. */
  tls?: ServerTls | undefined
  /** Without it the port takes what the operating system gives. */
  connections?: ConnectionLimits
}

/** Listens. @throws {PortTakenError}, and Node's own errors for an address that is none of ours. */
export async function serve(options: ServeOptions): Promise<HttpServer> {
  const { hostname, tls } = options
  const server = create(options)
  await listen(server, options)
  // An accept that fails, as there are no more files, is tried again and ends nothing.
  server.on('error', () => undefined)
  if (options.connections) {
    limitConnections(server, options.connections)
    tellSmallBacklog(options.connections.log)
  }
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls ? 'https' : 'http'}://${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`,
    port,
    server,
    stopListening: () => server.close(),
    takeUpgrades: (take) => void server.on('upgrade', take),
    [Symbol.asyncDispose]: () => close(server),
  }
}

function create({ tls, requestTimeoutMs = REQUEST_MS, ...options }: ServeOptions): Server {
  const listener = withValidHost(options.listener ?? listenerOf(options))
  const limits = {
    requestTimeout: requestTimeoutMs,
    headersTimeout: Math.min(HEADERS_MS, requestTimeoutMs),
    connectionsCheckingInterval: LIMIT_CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
  }
  if (!tls) return createServer(limits, listener)
  const { certificate: cert, key, clientAuthority: ca } = tls
  // A client whose certificate is not sound gets a definite answer of the app, and no broken handshake.
  const clients = ca ? { ca, requestCert: true, rejectUnauthorized: false } : {}
  return createTlsServer(
    { ...limits, cert, key, ...clients, handshakeTimeout: HEADERS_MS },
    listener,
  )
}

/** Node's form of `fetch`, for an app that answers a part of its requests by itself. */
export function listenerOf({
  fetch,
  hostname,
}: Pick<ServeOptions, 'fetch' | 'hostname'>): RequestListener {
  if (!fetch) throw new TypeError('serve needs fetch or listener')
  // HTTP/2 is not spoken here, so the connection is always that of HTTP/1.
  const answer = (request: Request, bindings: unknown) => fetch(request, bindings as HttpBindings)
  const listener = getRequestListener(answer, { hostname, overrideGlobalObjects: false })
  return (request, response) => void listener(request, response)
}

function listen(server: Server, { hostname, port }: ServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error)
      reject(
        new PortTakenError(
          `port ${port} of ${hostname} is taken: stop what listens there (lsof -i :${port}) or configure another`,
          { cause: error },
        ),
      )
    })
    server.listen({ port, host: hostname, backlog: BACKLOG }, resolve)
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
    // A connection becomes idle when its request is done, which nobody tells.
    const sweep = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_MS)
    // A server that had stopped listening before calls back with an error, which is the same end.
    server.close(() => {
      clearTimeout(timer)
      clearInterval(sweep)
      resolve()
    })
    server.closeIdleConnections()
  })
}

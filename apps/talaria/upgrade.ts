/** From an HTTP upgrade to a connected device, or a refusal with a reason. talaria.md §2. */
import { STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Verifier } from '#libs/auth/verify.ts'
import type { Logger } from '#libs/log/logger.ts'
import { authenticate, type ApiVersion, type Identity } from './authenticate.ts'
import type { TalariaMetrics } from './metrics.ts'

/** Where devices connect. */
const PATH = /^\/api\/(v2|v3)\/device\/?(?:\?|$)/

/** A refused device's socket is not kept longer. */
const REFUSED_MS = 5_000

/** What {@link createUpgrade} needs. */
export interface UpgradeOptions {
  verifier: Verifier | undefined
  frameBytesMax: number
  /** Why nobody is let in at the moment; undefined while everybody is. */
  closedBecause: () => 'gate' | 'limit' | undefined
  onConnected: (socket: WebSocket, identity: Identity, request: IncomingMessage) => void
  metrics: TalariaMetrics
  log: Logger
}

/** The handler of the server's upgrades. */
export function createUpgrade(
  options: UpgradeOptions,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Memory for each device, and messages of 300 bytes gain nothing.
    perMessageDeflate: false,
    maxPayload: options.frameBytesMax,
  })
  return (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    upgrade(server, request, socket, head, options).catch((error: unknown) => {
      options.log.error({ error: String(error) }, 'upgrade failed')
      socket.destroy()
    })
  }
}

async function upgrade(
  server: WebSocketServer,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  options: UpgradeOptions,
): Promise<void> {
  const { metrics, log } = options
  const refuse = (reason: string, status: number, message: string): void => {
    metrics.refused.inc({ reason })
    log.debug({ reason, status }, 'device refused')
    answer(socket, status, message)
  }
  const version = request.url?.match(PATH)?.[1] as ApiVersion | undefined
  if (!version) return refuse('path', 404, 'there is nothing to connect to here')
  const closed = options.closedBecause()
  if (closed) return refuse(closed, 503, 'no device is taken at the moment')
  const identity = await authenticate(request.headers, version, options.verifier)
  if (identity.kind === 'refused') return refuse(identity.reason, identity.status, identity.message)
  if (socket.destroyed) return
  server.handleUpgrade(request, socket, head, (webSocket) =>
    options.onConnected(webSocket, identity, request),
  )
}

function answer(socket: Duplex, status: number, message: string): void {
  const body = `{"code": ${status}, "message": ${JSON.stringify(message)}}`
  const retry = status === 503 ? 'Retry-After: 5\r\n' : ''
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\n${retry}` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
  setTimeout(() => socket.destroy(), REFUSED_MS).unref()
}

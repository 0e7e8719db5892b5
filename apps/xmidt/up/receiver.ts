/**
 * The webhook receiver of the demonstration: what somebody who subscribes would write. It checks
 * the signature, answers 200 and tells what came and how old it is.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

/** Larger than any event of the demonstration; a receiver that reads without end is no example. */
const BODY_BYTES_MAX = 1024 * 1024

/** One event as it arrived. */
export interface ReceivedEvent {
  /** Its destination without `event:`, such as `device-status/mac:112233445501/online`. */
  event: string
  device: string
  /** From when its sender made it to its arrival; undefined when it does not say when that was. */
  latencyMs: number | undefined
}

/** Starts a receiver on loopback. Disposing it closes it. */
export async function startReceiver(options: {
  port: number
  secret: string
  onEvent: (event: ReceivedEvent) => void
  onBadSignature: () => void
}): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((request, response) => {
    receive(request, response, options).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${options.port}/events`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  options: Parameters<typeof startReceiver>[0],
): Promise<void> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) return void response.writeHead(413).end()
    chunks.push(chunk)
  }
  const body = Buffer.concat(chunks)
  if (!isSigned(body, header(request, 'x-webpa-signature'), options.secret)) {
    options.onBadSignature()
    response.writeHead(401).end()
    return
  }
  response.writeHead(200).end()
  const sentAt = sentAtOf(body)
  options.onEvent({
    event: header(request, 'x-webpa-event'),
    device: header(request, 'x-webpa-device-id'),
    latencyMs: sentAt === undefined ? undefined : Date.now() - sentAt,
  })
}

const header = (request: IncomingMessage, name: string): string =>
  [request.headers[name]].flat()[0] ?? ''

function isSigned(body: Buffer, signature: string, secret: string): boolean {
  const wanted = Buffer.from(`sha1=${createHmac('sha1', secret).update(body).digest('hex')}`)
  const found = Buffer.from(signature)
  return found.length === wanted.length && timingSafeEqual(found, wanted)
}

/** Events say when they were made as `ts` or `timestamp`. */
function sentAtOf(body: Buffer): number | undefined {
  try {
    const { ts, timestamp } = JSON.parse(body.toString()) as Record<string, unknown>
    const value = ts ?? timestamp
    const time = typeof value === 'number' ? value : Date.parse(String(value))
    return Number.isFinite(time) ? time : undefined
  } catch {
    return undefined
  }
}

/** A webhook receiver as somebody would run it: a real HTTP server that remembers what came. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { eventually } from './eventually.ts'

/** One POST that came. */
export interface ReceivedRequest {
  method: string
  path: string
  headers: IncomingMessage['headers']
  /** Names and values in turn, as they came: a repeated name is there twice. */
  rawHeaders: string[]
  body: Buffer
  /** Milliseconds since 1970. */
  receivedAtMs: number
}

/** What a receiver answers. */
export interface ReceiverResponse {
  status: number
  headers?: Record<string, string>
  body?: string
}

/** What a receiver does with a request; a promise that never resolves is a receiver that hangs. */
export type Respond = (
  request: ReceivedRequest,
  index: number,
) => ReceiverResponse | Promise<ReceiverResponse>

/** A receiver that listens on loopback. Disposing it ends every connection. */
export interface Receiver extends AsyncDisposable {
  readonly url: string
  /** Everything that came, in order, whatever was answered. */
  readonly received: readonly ReceivedRequest[]
  /** The first request, of those that came and those that come, that `predicate` takes. */
  next(
    predicate?: (request: ReceivedRequest) => boolean,
    options?: { withinMs?: number },
  ): Promise<ReceivedRequest>
  /** Ends the connections that are there; who wants to send again dials again. */
  closeConnections(): void
  /** Changes what is answered from now on. */
  setBehaviour(respond: Respond): void
}

/** Starts a receiver that answers 200 unless told otherwise; `port` 0 takes any free one. */
export async function startReceiver({
  respond = () => ({ status: 200 }),
  port = 0,
}: { respond?: Respond; port?: number } = {}): Promise<Receiver> {
  let behaviour = respond
  const received: ReceivedRequest[] = []

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const came: ReceivedRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      body: Buffer.concat(chunks),
      receivedAtMs: Date.now(),
    }
    received.push(came)
    const { status, headers = {}, body = '' } = await behaviour(came, received.length - 1)
    response.writeHead(status, headers).end(body)
  }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`,
    received,
    closeConnections: () => server.closeIdleConnections(),
    next(predicate = () => true, options = {}) {
      return eventually(() => {
        const found = received.find(predicate)
        if (!found) throw new Error(`none of ${received.length} requests is the one waited for`)
        return found
      }, options)
    },
    setBehaviour(next) {
      behaviour = next
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** A fabric that keeps to nothing, as a Parodus sees it: Themis, Petasos and Talaria in one server. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'

/** How long a Parodus may take to come again, on a loaded machine. */
const COMES_MS = 30_000

/** The server. Disposing it ends all connections. */
export interface HostileCloud extends AsyncDisposable {
  readonly url: string
  /** The connection that Parodus holds, if need be once it comes. @throws when it does not come. */
  connection(): Promise<WebSocket>
  /**
   * Answers the next request of a kind with these bytes, and resolves when the one after it is there:
   * Parodus has read them and goes on. @throws when it does not come.
   */
  answerNext(kind: 'token' | 'answer', bytes: Uint8Array): Promise<void>
}

/** Starts it. Without an order it gives a token that says nothing, and takes every upgrade. */
export async function startHostileCloud(): Promise<HostileCloud> {
  const orders = new Map<'token' | 'answer', Uint8Array>()
  const sockets = new WebSocketServer({ noServer: true })
  let current: WebSocket | undefined
  const waiting = new Set<() => void>()
  const came = (): void => {
    for (const wake of waiting) wake()
  }
  const take = (kind: 'token' | 'answer'): Uint8Array | undefined => {
    const bytes = orders.get(kind)
    if (bytes === undefined) came()
    orders.delete(kind)
    return bytes
  }
  const server = createServer((_request, response) => {
    const bytes = take('token')
    // What is no token that ends is asked for again with each connection.
    if (bytes === undefined) return void response.end('token')
    response.socket?.end(bytes)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined)
    // Whatever token it has is refused, so that it asks for the one that it shall get.
    if (orders.has('token')) return void socket.end('HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n')
    const bytes = take('answer')
    if (bytes !== undefined) return void socket.end(bytes)
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      accepted.on('error', () => undefined)
      current = accepted
      came()
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const untilComes = <T>(look: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const wake = (): void => {
        const found = look()
        if (found === undefined) return
        clearTimeout(timer)
        waiting.delete(wake)
        resolve(found)
      }
      const timer = setTimeout(() => {
        waiting.delete(wake)
        reject(new Error(`Parodus did not come again within ${COMES_MS} ms`))
      }, COMES_MS)
      waiting.add(wake)
      wake()
    })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connection: () =>
      untilComes(() => (current?.readyState === WebSocket.OPEN ? current : undefined)),
    async answerNext(kind, bytes) {
      orders.set(kind, bytes)
      current?.terminate()
      await untilComes(() => (orders.has(kind) ? undefined : true))
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      for (const socket of sockets.clients) socket.terminate()
      current?.terminate()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

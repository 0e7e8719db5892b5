/** The receiving end of a pipeline: it listens, and takes messages from whoever pushes. */
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { formatAddress, parseAddress } from './address.ts'
import { createReader, hello } from './wire.ts'

/** A peer that connects says hello at once; nanomsg gives it a second too. */
const HELLO_MS = 1_000

/** More local services than a device has; the rest is refused. */
const PEERS_MAX = 64

/** An open receiving end. Disposing it closes it and all links. */
export interface Pull extends AsyncDisposable {
  /** With the real port. */
  readonly url: string
}

/** What {@link listenPull} needs. */
export interface PullOptions {
  /** Such as `tcp://127.0.0.1:6666`; port 0 takes any free one. */
  url: string
  onMessage: (bytes: Uint8Array) => void
  /** A link was refused or ended by us, and why. */
  onFault?: (error: Error) => void
  messageBytesMax?: number
}

/** Listens. @throws {SpAddressError}, and Node's own errors for a port that cannot be had. */
export async function listenPull(options: PullOptions): Promise<Pull> {
  const { host, port } = parseAddress(options.url)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    accept(socket, options)
  })
  server.maxConnections = PEERS_MAX
  server.on('drop', () => options.onFault?.(new Error(`more than ${PEERS_MAX} peers`)))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, resolve)
  })
  // An accept that fails, as there are no more files, is tried again and ends nothing.
  server.on('error', (error) => options.onFault?.(error))
  return {
    url: formatAddress(host, (server.address() as AddressInfo).port),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

function accept(socket: Socket, { onMessage, onFault, messageBytesMax }: PullOptions): void {
  const timer = setTimeout(() => {
    onFault?.(new Error('no hello in time'))
    socket.destroy()
  }, HELLO_MS)
  socket.once('close', () => clearTimeout(timer))
  socket.on('error', () => socket.destroy())
  const reader = createReader({
    role: 'pull',
    ...(messageBytesMax !== undefined && { messageBytesMax }),
    onHello: () => clearTimeout(timer),
    onMessage,
  })
  socket.write(hello('pull'))
  socket.on('data', (chunk: Buffer) => {
    try {
      reader.read(chunk)
    } catch (error) {
      onFault?.(error as Error)
      socket.destroy()
    }
  })
}

/** The sending end of a pipeline: it connects, for ever again, and sends while it is connected. */
import { connect, type Socket } from 'node:net'
import { createBackoff } from '#libs/retry/backoff.ts'
import { wait } from '#libs/retry/wait.ts'
import { parseAddress } from './address.ts'
import { createReader, hello, messageHead } from './wire.ts'

/** Local peers come back within moments; nanomsg tries every 100 ms. */
const RECONNECT = { firstMs: 100, maxMs: 2_000 }

/** A local peer answers at once or not at all. */
const CONNECT_MS = 2_000

/** How long a message waits for a connected peer, as libnanomsg's senders do. */
const SEND_MS = 2_000

/** What may wait in the socket for a peer that does not read; over it a message is not sent. */
const BUFFER_BYTES_MAX = 4 * 1024 * 1024

/** Messages that may wait for a connection at once. */
const WAITING_MAX = 64

/** A sending end. Disposing it closes it. */
export interface Push extends AsyncDisposable {
  readonly isConnected: boolean
  /** Resolves with whether the message was handed to a connected peer. Never rejects. */
  send(bytes: Uint8Array): Promise<boolean>
}

/** What {@link connectPush} may be told. */
export interface PushOptions {
  /** Called each time that a peer is there: it may be another process than the one before. */
  onConnected?: () => void
}

/** Begins to connect to `url`. @throws {SpAddressError} */
export function connectPush(url: string, { onConnected }: PushOptions = {}): Push {
  const address = parseAddress(url)
  const ending = new AbortController()
  const waiting = new Set<() => void>()
  let current: Socket | undefined
  const running = keepConnected(address, ending.signal, (socket) => {
    current = socket
    if (!socket) return
    for (const wake of waiting) wake()
    onConnected?.()
  })
  const connected = (): Promise<boolean> => {
    if (current) return Promise.resolve(true)
    if (waiting.size >= WAITING_MAX || ending.signal.aborted) return Promise.resolve(false)
    return new Promise((resolve) => {
      const finish = (isConnected: boolean): void => {
        clearTimeout(timer)
        waiting.delete(wake)
        ending.signal.removeEventListener('abort', onAbort)
        resolve(isConnected)
      }
      const wake = (): void => finish(true)
      const onAbort = (): void => finish(false)
      const timer = setTimeout(() => finish(false), SEND_MS)
      ending.signal.addEventListener('abort', onAbort)
      waiting.add(wake)
    })
  }
  return {
    get isConnected() {
      return current !== undefined
    },
    async send(bytes) {
      if (!(await connected())) return false
      const socket = current
      if (!socket || socket.writableLength > BUFFER_BYTES_MAX) return false
      socket.cork()
      socket.write(messageHead(bytes.length))
      const isSent = new Promise<boolean>((resolve) => {
        socket.write(bytes, (error) => resolve(!error))
      })
      socket.uncork()
      return isSent
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      // What was sent last, such as an answer, still goes out.
      current?.end()
      await running
    },
  }
}

async function keepConnected(
  address: { host: string; port: number },
  signal: AbortSignal,
  onChange: (socket: Socket | undefined) => void,
): Promise<void> {
  const backoff = createBackoff(RECONNECT)
  while (!signal.aborted) {
    await connectOnce(address, signal, (socket) => {
      if (socket) backoff.reset()
      onChange(socket)
    })
    await wait(backoff.nextMs(), signal)
  }
}

/** One link, from its connect to its end. */
function connectOnce(
  address: { host: string; port: number },
  signal: AbortSignal,
  onChange: (socket: Socket | undefined) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ ...address, noDelay: true })
    const timer = setTimeout(() => socket.destroy(), CONNECT_MS)
    const onAbort = (): void => void setTimeout(() => socket.destroy(), 100).unref()
    signal.addEventListener('abort', onAbort)
    socket.once('close', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      onChange(undefined)
      resolve()
    })
    socket.on('error', () => socket.destroy())
    socket.once('connect', () => socket.write(hello('push')))
    const reader = createReader({
      role: 'push',
      onHello() {
        clearTimeout(timer)
        onChange(socket)
      },
      // The receiving end of a pipeline has nothing to say.
      onMessage: () => socket.destroy(),
    })
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.read(chunk)
      } catch {
        socket.destroy()
      }
    })
  })
}

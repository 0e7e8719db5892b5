/** A device that is a plain websocket: what reaches a Talaria without Parodus in between. */
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { decode, encode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'

/** How long a message may take in a test on a loaded machine. */
const WAIT_MS = 10_000

/** How a connection ended, as the device sees it. */
export interface DeviceClose {
  code: number
  reason: string
}

/** A connected device. Disposing it closes and waits. */
export interface TestDevice extends AsyncDisposable {
  readonly socket: WebSocket
  /** Every message so far. */
  readonly received: readonly WrpMessage[]
  /** The payloads of the pings so far. */
  readonly pings: readonly string[]
  send(message: WrpMessage): void
  /** Sends messages so that they reach the Talaria in as few pieces as can be. */
  inOneWrite(messages: readonly WrpMessage[]): void
  /** The first message that fits, of those received and those to come, and that was not taken yet. */
  next(fits?: (message: WrpMessage) => boolean): Promise<WrpMessage>
  /**
   * Answers each command with what `answer` makes of it, those that came before and nobody took too;
   * undefined leaves it unanswered.
   */
  onCommand(answer: (command: WrpMessage) => WrpMessage | undefined): void
  close(): Promise<DeviceClose>
  readonly closed: Promise<DeviceClose>
}

/** What {@link connectDevice} needs. */
export interface ConnectDeviceOptions {
  /** Of the Talaria, such as `http://127.0.0.1:6200`. */
  url: string
  deviceId: string
  token?: string | undefined
  headers?: Record<string, string>
  path?: string
}

/** The connection was refused with a status. */
export class DeviceRefusedError extends Error {
  override readonly name = 'DeviceRefusedError'
  readonly code = 'DEVICE_REFUSED'
  readonly status: number
  readonly contentType: string | undefined
  readonly body: string

  constructor(status: number, contentType: string | undefined, body: string) {
    super(`refused with ${status}: ${body}`)
    this.status = status
    this.contentType = contentType
    this.body = body
  }
}

/** Connects. @throws {DeviceRefusedError} */
export async function connectDevice(options: ConnectDeviceOptions): Promise<TestDevice> {
  const socket = openSocket(options)
  const closed = new Promise<DeviceClose>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  const received: WrpMessage[] = []
  const untaken: WrpMessage[] = []
  const pings: string[] = []
  const waiting = new Set<(message: WrpMessage) => boolean>()
  socket.on('ping', (payload) => pings.push(payload.toString()))
  socket.on('message', (bytes: Buffer) => {
    const message = decode(bytes)
    received.push(message)
    for (const take of waiting) if (take(message)) return
    untaken.push(message)
  })
  await opened(socket)
  const send = (message: WrpMessage): void => socket.send(encode(message))
  const close = (): Promise<DeviceClose> => {
    socket.close()
    return closed
  }
  return {
    socket,
    received,
    pings,
    send,
    inOneWrite(messages) {
      // The socket beneath is no public part of ws; only a test needs to hold it.
      const { _socket: beneath } = socket as unknown as { _socket: Socket }
      beneath.cork()
      for (const message of messages) send(message)
      beneath.uncork()
    },
    next(fits = () => true) {
      const index = untaken.findIndex(fits)
      const [found] = index < 0 ? [] : untaken.splice(index, 1)
      if (found) return Promise.resolve(found)
      return new Promise((resolve, reject) => {
        const take = (message: WrpMessage): boolean => {
          if (!fits(message)) return false
          clearTimeout(timer)
          waiting.delete(take)
          resolve(message)
          return true
        }
        const timer = setTimeout(() => {
          waiting.delete(take)
          reject(new Error(`the device got no such message within ${WAIT_MS} ms`))
        }, WAIT_MS)
        waiting.add(take)
      })
    },
    onCommand(answer) {
      const handle = (message: WrpMessage): void => {
        const reply = answer(message)
        if (reply) send(reply)
      }
      // A command may come right behind the handshake, before whoever connected has this.
      for (const message of untaken) handle(message)
      socket.on('message', (bytes: Buffer) => handle(decode(bytes)))
    },
    close,
    closed,
    async [Symbol.asyncDispose]() {
      if (socket.readyState === socket.OPEN) socket.close()
      await closed
    },
  }
}

function openSocket(options: ConnectDeviceOptions): WebSocket {
  const { url, deviceId, token, headers = {}, path = '/api/v2/device' } = options
  return new WebSocket(`${url.replace(/^http/, 'ws')}${path}`, {
    perMessageDeflate: false,
    headers: {
      'X-Webpa-Device-Name': deviceId,
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...headers,
    },
  })
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        const { statusCode = 0, headers } = response
        reject(new DeviceRefusedError(statusCode, headers['content-type'], body))
      })
    })
  })
}

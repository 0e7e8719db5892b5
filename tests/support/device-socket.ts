/** A device as a plain websocket to one Talaria: no Parodus, no redirect, any bytes. */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { decode, encode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'

/** What {@link connectDevice} needs. */
export interface DeviceOptions {
  /** Of the Talaria. */
  url: string
  id: string
  token: string
}

/** A connected device. */
export interface SocketDevice extends AsyncDisposable {
  readonly id: string
  readonly socket: WebSocket
  readonly isOpen: boolean
  /** Resolves when the connection is over, whoever ended it. */
  readonly closed: Promise<{ code: number }>
  send(message: WrpMessage): void
}

/** Connects; rejects when the Talaria does not take the device. */
export async function connectDevice({ url, id, token }: DeviceOptions): Promise<SocketDevice> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/api/v2/device`, {
    headers: { 'X-Webpa-Device-Name': id, Authorization: `Bearer ${token}` },
    perMessageDeflate: false,
  })
  const closed = new Promise<{ code: number }>((resolve) => {
    socket.once('close', (code) => resolve({ code }))
  })
  await once(socket, 'open')
  // An end by the other side may be a reset, which is not a fault of the test.
  socket.on('error', () => {})
  return {
    id,
    socket,
    closed,
    get isOpen() {
      return socket.readyState === WebSocket.OPEN
    },
    send: (message) => socket.send(encode(message)),
    async [Symbol.asyncDispose]() {
      socket.terminate()
      await closed
    },
  }
}

/** Answers each request to the device with `text`, as its one service would. */
export function answerRequests(device: SocketDevice, text: string): void {
  device.socket.on('message', (data: Buffer) => {
    const { msg_type: type, source = '', dest = '', transaction_uuid: transaction } = decode(data)
    if (type !== 3) return
    device.send({
      msg_type: 3,
      source: dest,
      dest: source,
      ...(transaction !== undefined && { transaction_uuid: transaction }),
      payload: new TextEncoder().encode(text),
    })
  })
}

/** The status that an attempt to connect gets; 101 when the Talaria takes the device. */
export function connectStatusOf(url: string, headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers })
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      socket.terminate()
      resolve(101)
    })
    socket.on('unexpected-response', (request, response) => {
      request.destroy()
      resolve(response.statusCode ?? 0)
    })
    socket.on('error', reject)
  })
}

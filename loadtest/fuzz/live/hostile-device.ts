/** A device that keeps to nothing: one connection after another, and whatever bytes over it. */
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'

/** How long a Talaria may take for what was sent to it, on a loaded machine. */
const TAKEN_MS = 10_000

/** A device. Disposing it ends its connection. */
export interface HostileDevice extends Disposable {
  /** Connected, if it was not. @throws when it is not let in. */
  connected(): Promise<WebSocket>
  /** Resolves with how it went: `taken`, `closed <code>`, or `mute` when no pong came for long. */
  taken(socket: WebSocket): Promise<string>
}

/** A device that connects with its token when it is asked for. */
export function createHostileDevice(url: string, deviceId: string, token: string): HostileDevice {
  let current: WebSocket | undefined
  return {
    async connected() {
      if (current?.readyState === WebSocket.OPEN) return current
      current = await open(url, deviceId, token)
      return current
    },
    taken: (socket) =>
      new Promise((resolve) => {
        const settle = (how: string): void => {
          clearTimeout(timer)
          socket.off('pong', onPong)
          socket.off('close', onClose)
          resolve(how)
        }
        const onPong = (): void => settle('taken')
        const onClose = (code: number): void => settle(`closed ${code}`)
        const timer = setTimeout(() => {
          socket.terminate()
          settle('mute')
        }, TAKEN_MS)
        socket.on('pong', onPong)
        socket.on('close', onClose)
        if (socket.readyState === WebSocket.CLOSED) settle('closed before')
        else socket.ping(undefined, undefined, () => undefined)
      }),
    [Symbol.dispose]: () => current?.terminate(),
  }
}

/** The TCP socket beneath, which is no public part of ws. */
export const beneath = (socket: WebSocket): Socket =>
  (socket as unknown as { _socket: Socket })._socket

function open(url: string, deviceId: string, token: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/api/v2/device`, {
      perMessageDeflate: false,
      headers: { 'X-Webpa-Device-Name': deviceId, Authorization: `Bearer ${token}` },
    })
    socket.once('open', () => {
      socket.on('error', () => undefined)
      resolve(socket)
    })
    socket.once('error', reject)
  })
}

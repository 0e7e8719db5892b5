/** Whether the other end of a websocket has taken what was sent to it. */
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'

/** How long it may take, on a loaded machine. */
const TAKEN_MS = 10_000

/**
 * Pings, and resolves with how it went: `taken`, `closed <code>`, or `mute` when no pong came for
 * long, after which the connection is ended.
 */
export const taken = (socket: WebSocket): Promise<string> =>
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
  })

/** The TCP socket beneath, which is no public part of ws. */
export const beneath = (socket: WebSocket): Socket =>
  (socket as unknown as { _socket: Socket })._socket

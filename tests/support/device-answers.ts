/** What a plain websocket device of the end-to-end tests does: answer, and be refused. */
import { WebSocket } from 'ws'
import type { TestDevice } from './device.ts'

/** Answers each request to the device with `text`, as its one service would. */
export function answerRequests(device: TestDevice, text: string): void {
  device.onCommand(({ msg_type: type, source = '', dest = '', transaction_uuid: transaction }) =>
    type === 3
      ? {
          msg_type: 3,
          source: dest,
          dest: source,
          ...(transaction !== undefined && { transaction_uuid: transaction }),
          payload: new TextEncoder().encode(text),
        }
      : undefined,
  )
}

/** Whether the connection is still there. */
export const isOpen = (device: TestDevice): boolean => device.socket.readyState === WebSocket.OPEN

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

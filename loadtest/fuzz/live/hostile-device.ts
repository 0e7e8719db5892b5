/** A device that keeps to nothing: one connection after another, and whatever bytes over it. */
import { WebSocket } from 'ws'

/** A device. Disposing it ends its connection. */
export interface HostileDevice extends Disposable {
  /** Connected, if it was not. @throws when it is not let in. */
  connected(): Promise<WebSocket>
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
    [Symbol.dispose]: () => current?.terminate(),
  }
}

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

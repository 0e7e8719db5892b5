/**
 * The websocket of one device. It knows whose it is, so that the thousands of them share their
 * listeners: five closures of its own would cost each device a third of a KiB.
 */
import { WebSocket } from 'ws'

/** What a socket's owner is told. */
export interface SocketOwner {
  onMessage(bytes: Buffer, isBinary: boolean): void
  onPing(): void
  onPong(): void
  onSocketError(error: Error & { code?: string }): void
  onSocketClose(): void
}

/** What the server of the door makes of each upgrade. */
export class DeviceSocket extends WebSocket {
  #owner: SocketOwner | undefined

  /** Tells `owner` from now on; once for each socket. */
  tell(owner: SocketOwner): void {
    this.#owner = owner
    this.on('message', onMessage)
    this.on('ping', onPing)
    this.on('pong', onPong)
    this.on('error', onError)
    this.on('close', onClose)
  }

  /** Whom it tells. */
  static ownerOf(socket: WebSocket): SocketOwner | undefined {
    return (socket as DeviceSocket).#owner
  }
}

function onMessage(this: WebSocket, data: WebSocket.RawData, isBinary: boolean): void {
  DeviceSocket.ownerOf(this)?.onMessage(data as Buffer, isBinary)
}

function onPing(this: WebSocket): void {
  DeviceSocket.ownerOf(this)?.onPing()
}

function onPong(this: WebSocket): void {
  DeviceSocket.ownerOf(this)?.onPong()
}

function onError(this: WebSocket, error: Error): void {
  DeviceSocket.ownerOf(this)?.onSocketError(error)
}

function onClose(this: WebSocket): void {
  DeviceSocket.ownerOf(this)?.onSocketClose()
}

/**
 * The websocket of one device. It knows whose it is, so that the thousands of them share their
 * listeners: five closures of its own would cost each device a third of a KiB.
 */
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { gatherWrites } from '#libs/socket/gathered-writes.ts'

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
  #connection: Duplex | undefined

  /** What it goes over, which the door knows from the upgrade. */
  set connection(connection: Duplex) {
    this.#connection = connection
  }

  /** What is sent until the end of this turn of the loop is one write then, instead of one a frame. */
  gather(): void {
    if (this.#connection) gatherWrites(this.#connection)
  }

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

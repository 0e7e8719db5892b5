/**
 * The websocket of one device. It knows whose it is and tells that one by itself: a table with five
 * listeners would cost each of the thousands of devices a quarter of a KiB.
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
  }

  /** What `ws` says of this socket: to its owner, and of its close to whoever listens too. */
  override emit(event: string | symbol, ...told: unknown[]): boolean {
    const owner = this.#owner
    if (!owner) return super.emit(event, ...told)
    switch (event) {
      case 'message':
        owner.onMessage(told[0] as Buffer, told[1] as boolean)
        return true
      case 'ping':
        owner.onPing()
        return true
      case 'pong':
        owner.onPong()
        return true
      case 'error':
        owner.onSocketError(told[0] as Error)
        return true
      case 'close':
        owner.onSocketClose()
        return super.emit(event, ...told)
      default:
        return super.emit(event, ...told)
    }
  }
}

/** One connected device: its socket, its session, the commands that wait for it, its counts. */
import type { WebSocket } from 'ws'
import type { DeviceId } from '#libs/wrp/locator.ts'
import type { Identity } from './authenticate.ts'
import { createSessionId } from './session-id.ts'

/** Why a connection ended: a label of metrics, and a part of the offline event. */
export type CloseReason =
  | 'readerror'
  | 'idle'
  | 'write-error'
  | 'duplicate'
  | 'drained'
  | 'shutdown'
  | 'oversized'

/** RFC 6455 7.4.1: the server goes away; an agent connects again at once and is sent elsewhere. */
const CLOSE_CODE = 1001

/** How long a device may take for its side of the close. */
const CLOSE_MS = 1_000

/** A command that waits for the device's answer. */
export interface PendingCommand {
  /** The device's stamped answer, or undefined when the connection ended. */
  settle(answer: Uint8Array | undefined): void
}

/** What of a connection the statistics tell. */
export interface DeviceCounts {
  bytesSent: number
  messagesSent: number
  bytesReceived: number
  messagesReceived: number
  /** How many connections of this device were taken over in a row. */
  duplications: number
}

/** One device's connection. */
export class Device {
  readonly id: DeviceId
  readonly sessionId = createSessionId()
  readonly connectedAtMs = Date.now()
  readonly partnerIds: string[]
  readonly identity: Identity
  /** What the device told of itself at connect, as status events carry it. */
  readonly conveyed: Readonly<Record<string, string>>
  /** Waiting commands by their transaction. */
  readonly pending = new Map<string, PendingCommand>()
  readonly counts: DeviceCounts = {
    bytesSent: 0,
    messagesSent: 0,
    bytesReceived: 0,
    messagesReceived: 0,
    duplications: 0,
  }
  /** Monotonic time of the last frame of any kind. */
  heardAt = performance.now()
  pingedAt = performance.now()
  eventsInFlight = 0
  #eventCounter = 0
  #closeReason: CloseReason | undefined
  readonly #socket: WebSocket

  constructor(socket: WebSocket, identity: Identity, conveyed: Readonly<Record<string, string>>) {
    this.#socket = socket
    this.id = identity.deviceId
    this.identity = identity
    this.partnerIds = identity.partnerIds
    this.conveyed = conveyed
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN && this.#closeReason === undefined
  }

  /** Why it was closed; undefined while nobody here closed it. */
  get closeReason(): CloseReason | undefined {
    return this.#closeReason
  }

  /** Bytes that wait to be sent. */
  get sendBytes(): number {
    return this.#socket.bufferedAmount
  }

  /** Different for each event of all sessions, the same for its retries. */
  nextEventId(): string {
    this.#eventCounter += 1
    return `${this.sessionId}-${this.#eventCounter}`
  }

  /** Writes one WRP; resolves with whether it was handed to the network. */
  send(bytes: Uint8Array): Promise<boolean> {
    if (!this.isOpen) return Promise.resolve(false)
    this.counts.bytesSent += bytes.length
    this.counts.messagesSent += 1
    return new Promise((resolve) => {
      this.#socket.send(bytes, { binary: true }, (error) => {
        if (error) this.close('write-error')
        resolve(!error)
      })
    })
  }

  ping(): void {
    this.pingedAt = performance.now()
    this.#socket.ping(this.id.slice(0, 125))
  }

  /** Takes nothing more from the device until {@link resume}. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Ends the connection; a device that does not answer the close is cut off. */
  close(reason: CloseReason): void {
    if (this.#closeReason !== undefined) return
    this.#closeReason = reason
    if (reason === 'idle' || reason === 'write-error') return this.#socket.terminate()
    // A paused socket would never read the answer to the close.
    this.#socket.resume()
    this.#socket.close(CLOSE_CODE, reason)
    setTimeout(() => this.#socket.terminate(), CLOSE_MS).unref()
  }
}

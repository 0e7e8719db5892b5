/**
 * One session of one device: its websocket, with a bound on what waits to be written, a clock for
 * pings and silence, and an end that happens once. What comes and goes means nothing here.
 */
import type { TalariaFaults, TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { CloseReason } from '#apps/talaria/reasons.ts'
import type { DeviceId } from '#libs/wrp/locator.ts'
import { Allowance, type AllowanceRates } from './allowance.ts'
import type { DeviceSocket, SocketOwner } from './device-socket.ts'
import type { DeviceIdentity } from '#apps/talaria/session/identity.ts'
import { NO_PAUSE, withPause, type PauseReason } from './pauses.ts'
import { Pulse, pulseNow, type PulseLimits, type Standing } from './pulse.ts'
import { createSessionId } from '#apps/talaria/session/session-id.ts'

/** A ping holds no more (RFC 6455 5.5). */
const PING_BYTES_MAX = 125

/**
 * How long a device has to answer a close frame, and to end its connection after its own; genuine
 * Parodus never answers one.
 */
export const CLOSE_MS = 1_000

/** The limits of one session; from the configuration. */
export interface DeviceLimits extends PulseLimits {
  queueLengthMax: number
  queueBytesMax: number
  allowance: AllowanceRates
}

/** What a session's owner is told. */
export interface DeviceListener {
  onFrame(device: Device, bytes: Uint8Array, isBinary: boolean): void
  /** Once, at the moment from which this session counts as over. */
  onEnd(device: Device, reason: CloseReason, error: Error | undefined): void
}

/** What all sessions share. */
export interface DeviceParts {
  limits: DeviceLimits
  listener: DeviceListener
  metrics: TalariaMetrics
  faults: TalariaFaults
}

/** One session. */
export class Device implements SocketOwner, Standing {
  readonly identity: DeviceIdentity
  readonly sessionId = createSessionId()
  readonly connectedAtMs = Date.now()
  /** How many sessions of this device were taken over on this Talaria before. */
  readonly duplications: number
  readonly statistics = { bytesSent: 0, messagesSent: 0, bytesReceived: 0, messagesReceived: 0 }
  /** How many commands await their answer; the downlink keeps it. */
  commandsPending = 0
  /** How many of its events await their storing and acknowledgement; the window keeps it. */
  eventsPending = 0
  /** It is being let go, on its way to another Talaria: no further command is written to it. */
  isLeaving = false
  /** A newer session of the device has ended this one. */
  isTakenOver = false
  /** Of its entry in SESSIONS, 0 while there is none; the presence of this Talaria keeps it. */
  entryRevision = 0
  /** Of its online event in EVENTS, 0 while it is not known; kept likewise. */
  onlineSequence = 0
  readonly #startedAt = pulseNow()
  readonly #socket: DeviceSocket
  readonly #parts: DeviceParts
  readonly #pulse: Pulse
  #eventCount = 0
  #queueLength = 0
  #pauses = NO_PAUSE
  /** Made with the first frame: most devices are silent. */
  #allowance: Allowance | undefined
  #restTimer: NodeJS.Timeout | undefined
  #isOpen = true

  constructor(
    socket: DeviceSocket,
    { identity, duplications }: { identity: DeviceIdentity; duplications: number },
    parts: DeviceParts,
  ) {
    this.#socket = socket
    this.#parts = parts
    this.#pulse = new Pulse(parts.limits.pingMs)
    this.identity = identity
    this.duplications = duplications
    socket.tell(this)
  }

  onMessage(bytes: Buffer, isBinary: boolean): void {
    const startedAt = performance.now()
    this.guard('frame', () => this.#take(bytes, isBinary))
    this.#charge(bytes.length, performance.now() - startedAt)
  }

  onPing(): void {
    this.#pulse.heard()
    this.#charge(0, 0)
  }

  onPong(): void {
    this.#pulse.heard()
  }

  onSocketError(error: Error & { code?: string }): void {
    const isTooLarge = error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
    this.#finish(isTooLarge ? 'too-large' : 'readerror', error)
    this.#terminateLater()
  }

  onSocketClose(): void {
    this.#finish('readerror')
  }

  #take(bytes: Buffer, isBinary: boolean): void {
    this.#pulse.heard()
    if (!this.#isOpen) return
    this.statistics.messagesReceived += 1
    this.statistics.bytesReceived += bytes.length
    this.#parts.listener.onFrame(this, bytes, isBinary)
  }

  /** Does something of this session; what it throws ends this session and no other. Never throws. */
  guard(kind: Parameters<TalariaFaults['try']>[0], act: () => void): void {
    try {
      act()
    } catch (error) {
      const facts = { deviceId: this.id, sessionId: this.sessionId }
      this.#parts.faults.tell(kind, error, facts)
      this.end('fault')
    }
  }

  get id(): DeviceId {
    return this.identity.id
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Whether something can be written to it: not once either side has begun to close the websocket. */
  get isReachable(): boolean {
    return this.#isOpen && this.#socket.readyState === this.#socket.OPEN
  }

  /** How many messages wait to be written. */
  get queueLength(): number {
    return this.#queueLength
  }

  /** How long this session has lasted, in milliseconds, whatever was done to the clock. */
  get ageMs(): number {
    return pulseNow() - this.#startedAt
  }

  /** The id of this session's next event: the same for every retry, and no other event's. */
  nextEventId(): string {
    return `${this.sessionId}-${this.#eventCount++}`
  }

  /** Queues a message; false when the session is over or its queue is full. */
  send(bytes: Uint8Array): boolean {
    const { queueLengthMax, queueBytesMax } = this.#parts.limits
    if (this.#queueLength >= queueLengthMax) return false
    const buffered = this.#socket.bufferedAmount
    if (buffered > 0 && buffered + bytes.length > queueBytesMax) return false
    return this.#write(bytes)
  }

  /**
   * Queues the acknowledgement of an event; false when the session is over. It has a place of its
   * own, kept since the event entered, so a full queue does not lose it.
   * @param onDone called once, when it is written or never will be.
   */
  acknowledge(bytes: Uint8Array, onDone: () => void): boolean {
    // The acknowledgements of a device that has several events under way often come together.
    this.#socket.gather()
    const isQueued = this.#write(bytes, onDone)
    if (!isQueued) onDone()
    return isQueued
  }

  #write(bytes: Uint8Array, onDone?: () => void): boolean {
    if (!this.#isOpen || this.#socket.readyState !== this.#socket.OPEN) return false
    if (this.#queueLength === 0) this.#pulse.wrote()
    this.#queueLength += 1
    this.#socket.send(bytes, { binary: true }, (error) => {
      this.#queueLength -= 1
      this.#pulse.wrote()
      if (onDone) this.guard('socket', onDone)
      if (error) return this.end('write-error', error)
      this.statistics.messagesSent += 1
      this.statistics.bytesSent += bytes.length
    })
    return true
  }

  /** Stops reading, or resumes when no other reason is left: what the device sends waits with it. */
  setPaused(reason: PauseReason, isPaused: boolean): void {
    if (!this.#isOpen) return
    const wasPaused = this.isPaused
    this.#pauses = withPause(this.#pauses, reason, isPaused)
    if (wasPaused === this.isPaused) return
    // The time without reading is not the device's silence.
    this.#pulse.listen()
    if (isPaused) this.#socket.pause()
    else this.#socket.resume()
  }

  get isPaused(): boolean {
    return this.#pauses !== NO_PAUSE
  }

  get isWriting(): boolean {
    return this.#queueLength > 0
  }

  get isAsked(): boolean {
    return this.commandsPending > 0
  }

  /** Never reads again: what the device sends stays with the device, until its session is over. */
  stopReading(): void {
    this.setPaused('over', true)
  }

  /** Takes what the device used into account, and lets it rest when that was too much. */
  #charge(bytes: number, tookMs: number): void {
    this.#allowance ??= new Allowance(this.#parts.limits.allowance)
    const excess = this.#allowance.charge(performance.now(), bytes, tookMs)
    if (!excess || !this.#isOpen) return
    if (!this.#restTimer) this.#parts.metrics.readingPauses.inc({ reason: excess.reason })
    this.setPaused('allowance', true)
    clearTimeout(this.#restTimer)
    const resume = (): void => {
      this.#restTimer = undefined
      this.setPaused('allowance', false)
    }
    this.#restTimer = setTimeout(() => this.guard('socket', resume), excess.ms)
  }

  /** A command was written: from now on its answer is awaited. */
  beginCommand(): void {
    this.commandsPending += 1
    this.#pulse.asked()
  }

  /** Looks at the clock (`now` is {@link pulseNow}): pings when it is time, ends when it is too late. */
  tick(now: number): void {
    if (!this.#pulse.isDue(now)) return
    const due = this.#pulse.judge(now, this.#parts.limits, this)
    if (due === 'ping') this.#ping()
    else if (due) this.end(due)
  }

  /** Takes `ms` out of every silence: so long nobody here could have heard the device. */
  pardon(ms: number): void {
    this.#pulse.pardon(ms)
  }

  #ping(): void {
    // Not empty: genuine Parodus does not count an empty ping as a sign of life.
    this.#socket.ping(Buffer.from(this.id).subarray(0, PING_BYTES_MAX))
    this.statistics.messagesSent += 1
    this.#parts.metrics.pings.inc()
  }

  /** Ends the session now; the socket follows within a second. */
  end(reason: CloseReason, error?: Error): void {
    if (!this.#isOpen) return
    this.#finish(reason, error)
    if (reason === 'idle' || reason === 'write-error') return this.#socket.terminate()
    // A paused socket would never read the answer to the close.
    this.#socket.resume()
    // RFC 6455 7.4.1: 1011, an unexpected condition; 1001, going away. Devices come back after 3 s.
    this.#socket.close(reason === 'fault' ? 1011 : 1001, reason)
    this.#terminateLater()
  }

  #terminateLater(): void {
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_MS)
    this.#socket.once('close', () => clearTimeout(timer))
  }

  #finish(reason: CloseReason, error?: Error): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    clearTimeout(this.#restTimer)
    // Not by the guard: the session is over already.
    const facts = { deviceId: this.id, sessionId: this.sessionId }
    this.#parts.faults.try('end', () => this.#parts.listener.onEnd(this, reason, error), facts)
  }
}

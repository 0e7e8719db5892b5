/**
 * One session of one device: its websocket, with a bound on what waits to be written, a clock for
 * pings and silence, and an end that happens once. What comes and goes means nothing here.
 */
import type { WebSocket } from 'ws'
import type { CloseReason, TalariaFaults, TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { DeviceId } from '#libs/wrp/locator.ts'
import { Allowance, type AllowanceRates } from './allowance.ts'
import type { Convey } from './convey.ts'
import { createSessionId } from './session-id.ts'

/** A ping holds no more (RFC 6455 5.5). */
const PING_BYTES_MAX = 125

/** How long a device has to answer a close frame; genuine Parodus never answers one. */
const CLOSE_MS = 1_000

/** The one partner of a device whose token names none. talaria.md §2. */
export const PARTNER_UNKNOWN = 'unknown'

/** What the connect said about the device. */
export interface DeviceIdentity {
  id: DeviceId
  /** Of the token; {@link PARTNER_UNKNOWN} alone when there is none. */
  partnerIds: string[]
  trust: number
  accountId: string
  /** What the device says about itself; undefined where it said nothing readable. */
  convey: Convey | undefined
  intermediateContext: string
}

/** The limits of one session; from the configuration. */
export interface DeviceLimits {
  queueLengthMax: number
  queueBytesMax: number
  pingMs: number
  idleMs: number
  /** Of a silence while a command is pending: until the ping, and from it to the end. */
  probeMs: number
  writeMs: number
  allowance: AllowanceRates
}

/**
 * Why a device is not read from: its session is not entered yet, its events await their storing, it
 * used more than its allowance, or nothing more of it is wanted.
 */
type PauseReason = 'entry' | 'window' | 'allowance' | 'over'

/** What a session's owner is told. */
export interface DeviceListener {
  onFrame(device: Device, bytes: Uint8Array, isBinary: boolean): void
  /** Once, at the moment from which this session counts as over. */
  onEnd(device: Device, reason: CloseReason, error: Error | undefined): void
}

/** What {@link Device} needs. */
export interface DeviceOptions {
  identity: DeviceIdentity
  /** How many sessions of this device were taken over on this Talaria before. */
  duplications: number
  limits: DeviceLimits
  listener: DeviceListener
  metrics: TalariaMetrics
  faults: TalariaFaults
}

/** One session. */
export class Device {
  readonly identity: DeviceIdentity
  readonly sessionId = createSessionId()
  readonly connectedAtMs = Date.now()
  readonly duplications: number
  readonly statistics = { bytesSent: 0, messagesSent: 0, bytesReceived: 0, messagesReceived: 0 }
  /** How many commands await their answer; the downlink keeps it. */
  commandsPending = 0
  /** How many of its events await their storing and acknowledgement; the window keeps it. */
  eventsPending = 0
  /** It is on its way to another Talaria, or there: no further command is written to it. */
  isLeaving = false
  /** Of its entry in SESSIONS, 0 while there is none; the presence of this Talaria keeps it. */
  entryRevision = 0
  /** Of its online event in EVENTS, 0 while it is not known; kept likewise. */
  onlineSequence = 0
  readonly #startedAt = performance.now()
  readonly #socket: WebSocket
  readonly #options: DeviceOptions
  readonly #pingPayload: Buffer
  #eventCount = 0
  #queueLength = 0
  #lastHeardAt = performance.now()
  #lastPingAt: number
  #askedAt = 0
  #probedAt: number | undefined
  #lastWrittenAt = performance.now()
  readonly #pauses = new Set<PauseReason>()
  readonly #allowance: Allowance
  #restTimer: NodeJS.Timeout | undefined
  #isOpen = true

  constructor(socket: WebSocket, options: DeviceOptions) {
    this.#socket = socket
    this.#options = options
    this.identity = options.identity
    this.duplications = options.duplications
    // Not empty: genuine Parodus does not count an empty ping as a sign of life.
    this.#pingPayload = Buffer.from(this.identity.id).subarray(0, PING_BYTES_MAX)
    // At a random place of the period: devices that come back together are not pinged together.
    this.#lastPingAt = this.#lastHeardAt - Math.random() * options.limits.pingMs
    this.#allowance = new Allowance(options.limits.allowance)
    socket.on('message', (data, isBinary) => {
      const startedAt = performance.now()
      const bytes = data as Buffer
      this.guard('frame', () => this.#take(bytes, isBinary))
      this.#charge(bytes.length, performance.now() - startedAt)
    })
    socket.on('ping', () => {
      this.#heard()
      this.#charge(0, 0)
    })
    socket.on('pong', () => this.#heard())
    socket.on('error', (error: Error & { code?: string }) => {
      const isTooLarge = error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
      this.#finish(isTooLarge ? 'too-large' : 'readerror', error)
      this.#terminateLater()
    })
    socket.on('close', () => this.#finish('readerror'))
  }

  #heard(): void {
    this.#lastHeardAt = performance.now()
    this.#probedAt = undefined
  }

  #take(bytes: Buffer, isBinary: boolean): void {
    this.#heard()
    if (!this.#isOpen) return
    this.statistics.messagesReceived += 1
    this.statistics.bytesReceived += bytes.length
    this.#options.listener.onFrame(this, bytes, isBinary)
  }

  /** Does something of this session; what it throws ends this session and no other. Never throws. */
  guard(kind: Parameters<TalariaFaults['try']>[0], act: () => void): void {
    const facts = { deviceId: this.id, sessionId: this.sessionId }
    if (!this.#options.faults.try(kind, act, facts)) this.end('fault')
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
    return performance.now() - this.#startedAt
  }

  /** The id of this session's next event: the same for every retry, and no other event's. */
  nextEventId(): string {
    return `${this.sessionId}-${this.#eventCount++}`
  }

  /** Queues a message; false when the session is over or its queue is full. */
  send(bytes: Uint8Array): boolean {
    const { queueLengthMax, queueBytesMax } = this.#options.limits
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
    const isQueued = this.#write(bytes, onDone)
    if (!isQueued) onDone()
    return isQueued
  }

  #write(bytes: Uint8Array, onDone?: () => void): boolean {
    if (!this.#isOpen || this.#socket.readyState !== this.#socket.OPEN) return false
    if (this.#queueLength === 0) this.#lastWrittenAt = performance.now()
    this.#queueLength += 1
    this.#socket.send(bytes, { binary: true }, (error) => {
      this.#queueLength -= 1
      this.#lastWrittenAt = performance.now()
      if (onDone) this.guard('socket', onDone)
      if (error) return this.end('write-error', error)
      this.statistics.messagesSent += 1
      this.statistics.bytesSent += bytes.length
    })
    return true
  }

  /** Stops reading, or resumes when no other reason is left: what the device sends waits with it. */
  setPaused(reason: PauseReason, isPaused: boolean): void {
    if (!this.#isOpen || this.#pauses.has(reason) === isPaused) return
    const wasPaused = this.#isPaused
    if (isPaused) this.#pauses.add(reason)
    else this.#pauses.delete(reason)
    if (wasPaused === this.#isPaused) return
    // The time without reading is not the device's silence.
    this.#lastHeardAt = performance.now()
    if (isPaused) this.#socket.pause()
    else this.#socket.resume()
  }

  get #isPaused(): boolean {
    return this.#pauses.size > 0
  }

  /** Never reads again: what the device sends stays with the device, until its session is over. */
  stopReading(): void {
    this.setPaused('over', true)
  }

  /** Takes what the device used into account, and lets it rest when that was too much. */
  #charge(bytes: number, tookMs: number): void {
    const excess = this.#allowance.charge(performance.now(), bytes, tookMs)
    if (!excess || !this.#isOpen) return
    if (!this.#restTimer) this.#options.metrics.readingPauses.inc({ reason: excess.reason })
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
    this.#askedAt = performance.now()
  }

  /** Looks at the clock: pings when it is time, ends the session when it is too late. */
  tick(now: number): void {
    const { pingMs, idleMs, probeMs, writeMs } = this.#options.limits
    if (this.#queueLength > 0 && now - this.#lastWrittenAt > writeMs) return this.end('write-error')
    if (!this.#isPaused && now - this.#lastHeardAt > idleMs) return this.end('idle')
    // With something unwritten a ping would only lengthen the queue, and its end is watched anyway.
    if (this.#isPaused || this.#queueLength > 0) return
    if (this.#probedAt !== undefined && now - this.#probedAt > probeMs) return this.end('idle')
    const isProbeDue =
      this.commandsPending > 0 &&
      this.#probedAt === undefined &&
      now - Math.max(this.#askedAt, this.#lastHeardAt) > probeMs
    if (isProbeDue) this.#probedAt = now
    if (isProbeDue || now - this.#lastPingAt >= pingMs) this.#ping(now)
  }

  /** Takes `ms` out of every silence: so long nobody here could have heard the device. */
  pardon(ms: number): void {
    this.#lastHeardAt += ms
    this.#lastWrittenAt += ms
    if (this.#probedAt !== undefined) this.#probedAt += ms
  }

  #ping(now: number): void {
    this.#lastPingAt = now
    this.#socket.ping(this.#pingPayload)
    this.statistics.messagesSent += 1
    this.#options.metrics.pings.inc()
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
    this.#options.faults.try('end', () => this.#options.listener.onEnd(this, reason, error), facts)
  }
}

/**
 * When a device was last heard, pinged, asked and written to, and what follows of it at a given
 * moment. Times are whole milliseconds: V8 stores small integers in place, and needs an object for
 * any other number.
 */

/** The time limits, from the configuration. */
export interface PulseLimits {
  pingMs: number
  idleMs: number
  /** Of a silence while a command is pending: until the ping, and from it to the end. */
  probeMs: number
  writeMs: number
}

/**
 * What a session says of itself when its pulse is judged. It is the session itself, not a copy, as
 * all are judged every second.
 */
export interface Standing {
  /** It is not read from, so its silence says nothing about the device. */
  readonly isPaused: boolean
  /** Something waits to be written. */
  readonly isWriting: boolean
  /** A command awaits its answer. */
  readonly isAsked: boolean
}

/** Now, for a {@link Pulse}. */
export const pulseNow = (): number => Math.trunc(performance.now())

/** The pulse of one session. */
export class Pulse {
  #heardAt = pulseNow()
  #pingedAt: number
  #askedAt = 0
  #probedAt: number | undefined = undefined
  #writtenAt = this.#heardAt
  #dueAt = 0

  constructor(pingMs: number) {
    // At a random place of the period: devices that come back together are not pinged together.
    this.#pingedAt = this.#heardAt - Math.trunc(Math.random() * pingMs)
  }

  /** Something came of the device. */
  heard(): void {
    this.#heardAt = pulseNow()
    this.#probedAt = undefined
  }

  /** Its silence counts from now on, as it was not read from before. */
  listen(): void {
    this.#heardAt = pulseNow()
    this.#dueAt = 0
  }

  /** Something was written, or is the first to wait for it. */
  wrote(): void {
    this.#writtenAt = pulseNow()
    this.#dueAt = 0
  }

  /** A command was written. */
  asked(): void {
    this.#askedAt = pulseNow()
    this.#dueAt = 0
  }

  /** Takes `ms` out of every silence: in that time this process could not have heard the device. */
  pardon(ms: number): void {
    this.#heardAt += Math.trunc(ms)
    this.#writtenAt += Math.trunc(ms)
    if (this.#probedAt !== undefined) this.#probedAt += Math.trunc(ms)
  }

  /**
   * Whether there may be something to do. No, before the next ping of a device that is silent and
   * is not asked, written to or paused: what begins that asks for a look at once.
   */
  isDue(now: number): boolean {
    return now >= this.#dueAt
  }

  /** What to do now; after `ping` a ping must follow. */
  judge(
    now: number,
    { pingMs, idleMs, probeMs, writeMs }: PulseLimits,
    standing: Standing,
  ): 'idle' | 'write-error' | 'ping' | undefined {
    const { isPaused, isWriting, isAsked } = standing
    this.#dueAt = 0
    if (isWriting && now - this.#writtenAt > writeMs) return 'write-error'
    if (!isPaused && now - this.#heardAt > idleMs) return 'idle'
    // With something unwritten a ping would only lengthen the queue, and its end is watched anyway.
    if (isPaused || isWriting) return undefined
    if (this.#probedAt !== undefined && now - this.#probedAt > probeMs) return 'idle'
    const isProbeDue =
      isAsked &&
      this.#probedAt === undefined &&
      now - Math.max(this.#askedAt, this.#heardAt) > probeMs
    if (isProbeDue) this.#probedAt = now
    const isPingDue = isProbeDue || now - this.#pingedAt >= pingMs
    if (isPingDue) this.#pingedAt = now
    // Whatever is heard until then only puts the end of the silence off.
    const isQuiet = !isAsked && this.#probedAt === undefined
    if (isQuiet) this.#dueAt = Math.min(this.#pingedAt + pingMs, this.#heardAt + idleMs)
    return isPingDue ? 'ping' : undefined
  }
}

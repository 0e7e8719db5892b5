/**
 * What one device may take of its Talaria: bytes, frames and time of the loop, each at a rate and
 * with a burst. Over it the device is not read from for as long as it is over: what it sends waits
 * with the device itself, and nobody else waits for it.
 */

/** The rates of one device. */
export interface AllowanceRates {
  bytesPerSecond: number
  framesPerSecond: number
  /** Of the loop's time, in percent. */
  loopPercent: number
}

/** What was too much. */
export type AllowanceReason = 'bytes-rate' | 'frames-rate' | 'loop-share'

/** A device that was offline for a while sends what it kept: so many milliseconds of each rate at once. */
const BURST_MS = 4_000

/** Of the loop's time less: it is taken from everybody at the moment at which it is used. */
const LOOP_BURST_MS = 1_000

/** The allowance of one session. */
export class Allowance {
  readonly #rates: AllowanceRates
  /** Until when what was used would take at the rate; in the past when less was used. */
  #bytesUntil = 0
  #framesUntil = 0
  #loopUntil = 0

  constructor(rates: AllowanceRates) {
    this.#rates = rates
  }

  /**
   * Takes one frame into account.
   * @param now by `performance.now()`.
   * @returns how long not to read, and why; undefined while all is within the allowance.
   */
  charge(
    now: number,
    bytes: number,
    tookMs: number,
  ): { ms: number; reason: AllowanceReason } | undefined {
    const { bytesPerSecond, framesPerSecond, loopPercent } = this.#rates
    this.#bytesUntil = Math.max(now, this.#bytesUntil) + (bytes * 1_000) / bytesPerSecond
    this.#framesUntil = Math.max(now, this.#framesUntil) + 1_000 / framesPerSecond
    this.#loopUntil = Math.max(now, this.#loopUntil) + (tookMs * 100) / loopPercent
    const bytesMs = this.#bytesUntil - now - BURST_MS
    const framesMs = this.#framesUntil - now - BURST_MS
    const loopMs = this.#loopUntil - now - LOOP_BURST_MS
    const ms = Math.max(bytesMs, framesMs, loopMs)
    if (ms <= 0) return undefined
    return {
      ms,
      reason: ms === bytesMs ? 'bytes-rate' : ms === framesMs ? 'frames-rate' : 'loop-share',
    }
  }
}

/** How long to wait before the next attempt: longer each time, never longer than a limit. */

/** What {@link createBackoff} may be told. */
export interface BackoffOptions {
  firstMs: number
  maxMs: number
  /** By how much each wait is longer than the one before. */
  factor?: number
  /** The share of each wait that is left to chance, so that many who failed together part. */
  jitter?: number
}

/** The waits between attempts at one thing. */
export interface Backoff {
  /** The wait before the next attempt, in milliseconds; at least half of the plan by default. */
  nextMs(): number
  /** It worked: the next failure starts from the first wait again. */
  reset(): void
}

/** A backoff that has not been used. */
export function createBackoff(options: BackoffOptions): Backoff {
  const { firstMs, maxMs, factor = 2, jitter = 0.5 } = options
  let plannedMs = firstMs
  return {
    nextMs() {
      const waitMs = plannedMs * (1 - jitter * Math.random())
      plannedMs = Math.min(maxMs, plannedMs * factor)
      return waitMs
    },
    reset() {
      plannedMs = firstMs
    },
  }
}

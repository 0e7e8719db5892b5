/** When a delivery that failed is tried again. The schedule itself is plain data, in the configuration. */

/** The share of each wait that is added by chance, so that what failed together parts. */
const JITTER = 0.2

/** A receiver may ask for no longer pause: the stream keeps an event for six hours. */
const RETRY_AFTER_MS_MAX = 3_600_000

/**
 * How long to wait after the attempt number `attempt` (from 1), in milliseconds; undefined when it
 * was the last. A receiver's `Retry-After` makes the wait longer, never shorter.
 */
export function retryDelayMs(
  delaysMs: readonly number[],
  attempt: number,
  retryAfterMs: number | undefined,
): number | undefined {
  const plannedMs = delaysMs[attempt - 1]
  if (plannedMs === undefined) return undefined
  const jitteredMs = plannedMs * (1 + JITTER * Math.random())
  return Math.round(Math.max(jitteredMs, Math.min(retryAfterMs ?? 0, RETRY_AFTER_MS_MAX)))
}

/** `Retry-After` in milliseconds: whole seconds or a date (RFC 9110 10.2.3); undefined for neither. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs)
}

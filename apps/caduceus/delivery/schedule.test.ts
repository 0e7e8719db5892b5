import { describe, expect, it } from 'vitest'
import { parseRetryAfter, retryDelayMs } from './schedule.ts'

describe('the schedule', () => {
  it('waits as planned with some jitter, and ends', () => {
    const delayMs = retryDelayMs([100, 1_000], 2, undefined)
    expect(delayMs).toBeGreaterThanOrEqual(1_000)
    expect(delayMs).toBeLessThanOrEqual(1_200)
    expect(retryDelayMs([100, 1_000], 3, undefined)).toBeUndefined()
  })

  it('lets a receiver ask for more time, but not for ever', () => {
    expect(retryDelayMs([100], 1, 5_000)).toBe(5_000)
    expect(retryDelayMs([100], 1, 1e12)).toBe(3_600_000)
    expect(parseRetryAfter('7', 0)).toBe(7_000)
    expect(parseRetryAfter('Thu, 01 Jan 1970 00:00:09 GMT', 1_000)).toBe(8_000)
    expect(parseRetryAfter('soon', 0)).toBeUndefined()
  })
})

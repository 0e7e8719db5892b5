import { describe, expect, it } from 'vitest'
import { formatDuration, parseDuration } from './duration.ts'

describe('a duration', () => {
  it.each([
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1_500],
    ['-1ms', -1],
    ['0', 0],
    [300, 300_000],
    ['300', undefined],
    [1.5, undefined],
    [null, undefined],
    ['', undefined],
    ['5 m', undefined],
  ])('%j is %s ms', (text, ms) => expect(parseDuration(text)).toBe(ms))

  it('is written as Go writes it', () => {
    expect([300_000, 3_600_000, 10_000].map(formatDuration)).toEqual(['5m0s', '1h0m0s', '10s'])
  })
})

import { describe, expect, it } from 'vitest'
import { timestamp } from './timestamp.ts'

describe('the time of an event', () => {
  it('is now, each time that it is asked for', () => {
    const until = performance.now() + 20
    const seen = new Set<string>()
    while (performance.now() < until) {
      const before = new Date().toISOString()
      const told = timestamp()
      const after = new Date().toISOString()
      expect(told >= before && told <= after).toBe(true)
      seen.add(told)
    }
    expect(seen.size).toBeGreaterThan(1)
  })
})

import { describe, expect, it } from 'vitest'
import { fitLine, median } from './statistics.ts'

describe('the median', () => {
  it('is the one in the middle, or halfway between the two that are', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1])).toBe(2.5)
    expect(median([])).toBeNaN()
  })
})

describe('a line through points', () => {
  it('has their slope, and an R² of 1 when all are on it', () => {
    const on = [1, 10, 100].map((x) => ({ x, y: 3 * x + 7 }))
    expect(fitLine(on).slope).toBeCloseTo(3)
    expect(fitLine(on).r2).toBeCloseTo(1)
  })

  it('has a smaller R² the further they are from it', () => {
    const near = [0, 1, 2, 3].map((x) => ({ x, y: x + (x % 2) * 0.1 }))
    const far = [0, 1, 2, 3].map((x) => ({ x, y: x ** 4 }))
    expect(fitLine(near).r2).toBeGreaterThan(0.98)
    expect(fitLine(far).r2).toBeLessThan(0.9)
  })
})

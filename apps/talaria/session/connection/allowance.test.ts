import { describe, expect, it } from 'vitest'
import { Allowance } from './allowance.ts'

const rates = { bytesPerSecond: 1_000, framesPerSecond: 100, loopPercent: 10 }

describe('the allowance of a device', () => {
  it('is a burst of four seconds, and then the rate', () => {
    const allowance = new Allowance(rates)
    expect(allowance.charge(1_000, 4_000, 0)).toBeUndefined()
    expect(allowance.charge(1_000, 500, 0)).toEqual({ ms: 500, reason: 'bytes-rate' })
    expect(allowance.charge(1_500, 0, 0)).toBeUndefined()
    expect(allowance.charge(1_500, 1_000, 0)).toEqual({ ms: 1_000, reason: 'bytes-rate' })
  })

  it('of the loop is a second of its share', () => {
    const allowance = new Allowance(rates)
    expect(allowance.charge(1_000, 1, 100)).toBeUndefined()
    expect(allowance.charge(1_000, 1, 50)).toEqual({ ms: 500, reason: 'loop-share' })
  })

  it('of frames counts those without a byte', () => {
    const allowance = new Allowance(rates)
    const charged = Array.from({ length: 401 }, () => allowance.charge(1_000, 0, 0))
    expect(charged.slice(0, 400).every((each) => each === undefined)).toBe(true)
    expect(charged.at(-1)).toEqual({ ms: 10, reason: 'frames-rate' })
  })

  it('is whole again after a rest, and no more than whole', () => {
    const allowance = new Allowance(rates)
    allowance.charge(1_000, 8_000, 0)
    expect(allowance.charge(1_000_000, 4_000, 0)).toBeUndefined()
    expect(allowance.charge(1_000_000, 1, 0)).toBeDefined()
  })
})

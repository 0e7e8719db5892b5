import { describe, expect, it } from 'vitest'
import { describeOutcome, faultsOf } from './report.ts'
import type { Goal } from './scenario.ts'

const atMost = (measured: number, limit: number): Goal => ({
  what: 'memory',
  measured,
  is: 'at most',
  limit,
})

describe('the check of a measurement', () => {
  it('refuses a goal that was missed, and says by how much', () => {
    const outcome = { figures: [], goals: [atMost(6.2, 6), atMost(6, 6)] }
    expect(faultsOf('connect', outcome)).toEqual(['connect: memory: 6.2, asked at most 6'])
  })

  it('refuses a rate below its goal', () => {
    const goal: Goal = { what: 'redirects', measured: 0.69, is: 'at least', limit: 0.7 }
    expect(faultsOf('redirect', { figures: [], goals: [goal] })).toHaveLength(1)
    expect(faultsOf('redirect', { figures: [], goals: [{ ...goal, measured: 0.7 }] })).toHaveLength(
      0,
    )
  })

  it('refuses what could not be measured', () => {
    expect(faultsOf('connect', { figures: [], goals: [atMost(Number.NaN, 6)] })).toHaveLength(1)
  })

  it('refuses a run that does not count, although its goals were kept', () => {
    const outcome = { figures: [], goals: [atMost(1, 6)], invalid: 'the generator was busy' }
    expect(faultsOf('connect', outcome)).toEqual([
      'connect: the run is invalid: the generator was busy',
    ])
  })

  it('is told with each figure as median and spread', () => {
    const figures = [{ what: 'memory', unit: 'KiB', values: [7, 5.123, 6] }]
    const text = describeOutcome('connect', 'a device', { figures, goals: [atMost(7, 6)] })
    expect(text).toMatch(/memory +6 KiB +\(5\.12 to 7\)/)
    expect(text).toContain('MISSED  memory: 7, asked at most 6')
  })
})

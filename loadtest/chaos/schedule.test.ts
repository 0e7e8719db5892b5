import fc from 'fast-check'
import { expect, it } from 'vitest'
import { describeSchedule, makeSchedule, type Plan, type Target } from './schedule.ts'

const TARGETS: Target[] = [
  { name: 'nats-1', role: 'nats' },
  { name: 'nats-2', role: 'nats' },
  { name: 'talaria-1', role: 'talaria' },
  { name: 'talaria-2', role: 'talaria' },
  { name: 'talaria-3', role: 'talaria' },
  { name: 'scytale-1', role: 'scytale' },
]

const RANDOM: Plan = {
  order: 'random',
  every: [300, 2_500],
  hazards: [
    { action: 'kill', roles: ['talaria', 'scytale'], lasts: [[0, 0], [500, 9_000], 'never'] },
    { action: 'pause', roles: ['nats', 'talaria'], lasts: [[300, 3_000]], weight: 3 },
  ],
}

const TURN: Plan = {
  order: 'turn',
  every: [2_000, 3_000],
  hazards: [{ action: 'restart', roles: ['talaria', 'scytale'], lasts: [[0, 500]] }],
}

const runs = fc.record({
  plan: fc.constantFrom(RANDOM, TURN),
  seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  seconds: fc.integer({ min: 1, max: 300 }),
})

it('the same seed gives the same schedule, and another one another', () => {
  fc.assert(
    fc.property(runs, ({ plan, seed, seconds }) => {
      const make = () => makeSchedule({ plan, targets: TARGETS, seconds, seed })
      expect(make()).toEqual(make())
    }),
  )
  const of = (seed: number) =>
    describeSchedule(makeSchedule({ plan: RANDOM, targets: TARGETS, seconds: 60, seed })).join('\n')
  expect(new Set([1, 2, 3, 4, 5].map(of)).size).toBe(5)
})

it('a schedule is in order of time and over before the end', () => {
  fc.assert(
    fc.property(runs, ({ plan, seed, seconds }) => {
      const faults = makeSchedule({ plan, targets: TARGETS, seconds, seed })
      const times = faults.map(({ atMs }) => atMs)
      expect(times).toEqual(times.toSorted((one, other) => one - other))
      for (const { atMs, lastsMs = 0 } of faults) {
        expect(atMs).toBeGreaterThanOrEqual(0)
        expect(atMs + lastsMs).toBeLessThan(seconds * 1_000)
      }
    }),
  )
})

it('no process has two faults at once, and of the nats-servers only one is away at a time', () => {
  fc.assert(
    fc.property(runs, ({ plan, seed, seconds }) => {
      const busyUntil = new Map<string, number>()
      for (const fault of makeSchedule({ plan, targets: TARGETS, seconds, seed })) {
        const key = fault.target.startsWith('nats') ? 'nats' : fault.target
        expect(fault.atMs).toBeGreaterThanOrEqual(busyUntil.get(key) ?? 0)
        busyUntil.set(key, fault.atMs + (fault.lastsMs ?? Infinity))
      }
    }),
  )
})

it('of the processes of one role at most one stays away for good', () => {
  fc.assert(
    fc.property(runs, ({ plan, seed, seconds }) => {
      const gone = makeSchedule({ plan, targets: TARGETS, seconds, seed })
        .filter(({ lastsMs }) => lastsMs === undefined)
        .map(({ target }) => target.replace(/-\d+$/, ''))
      expect(new Set(gone).size).toBe(gone.length)
    }),
  )
})

it('a plan of turns takes each process before any a second time', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
      const faults = makeSchedule({ plan: TURN, targets: TARGETS, seconds: 60, seed })
      const first = faults.slice(0, 4).map(({ target }) => target)
      expect(new Set(first).size).toBe(4)
    }),
  )
})

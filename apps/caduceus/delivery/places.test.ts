import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMetrics } from '#apps/caduceus/metrics.ts'
import { createLogger } from '#libs/log/logger.ts'
import { createPlaces, type Places } from './places.ts'

const COMMON = 16
const QUICK_MS = 2
const SLOW_MS = 1_000

const placesOf = (most: number): Places =>
  createPlaces(most, {
    metrics: createMetrics(),
    log: createLogger('test', { level: 'silent' }),
  })

const succeed = (
  places: Places,
  id: string,
  { times, ms }: { times: number; ms: number },
): void => {
  for (let time = 0; time < times; time += 1) places.succeeded(id, ms)
}

describe('a webhook whose receiver is quick', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('has more places once as many answers in a row as it has places were quick', () => {
    const places = placesOf(COMMON)
    succeed(places, 'a', { times: COMMON - 1, ms: QUICK_MS })
    expect(places.of('a')).toBe(COMMON)
    succeed(places, 'a', { times: 1, ms: QUICK_MS })
    expect(places.of('a')).toBe(3 * COMMON)
    expect(places.of('b')).toBe(COMMON)
  })

  it('has its common ones again with its first slow answer, and more after a row of quick ones', () => {
    const places = placesOf(COMMON)
    succeed(places, 'a', { times: COMMON, ms: QUICK_MS })
    succeed(places, 'a', { times: 1, ms: SLOW_MS })
    expect(places.of('a')).toBe(COMMON)
    succeed(places, 'a', { times: COMMON, ms: QUICK_MS })
    expect(places.of('a')).toBe(3 * COMMON)
  })

  it('has no more for a minute after a failure, as it may refuse what is too much at once', () => {
    const places = placesOf(COMMON)
    succeed(places, 'a', { times: COMMON, ms: QUICK_MS })
    places.failed('a')
    succeed(places, 'a', { times: 10 * COMMON, ms: QUICK_MS })
    expect(places.of('a')).toBe(COMMON)
    vi.advanceTimersByTime(60_000)
    succeed(places, 'a', { times: COMMON, ms: QUICK_MS })
    expect(places.of('a')).toBe(3 * COMMON)
  })

  it('shares what is beyond the common places with all that are quick', () => {
    const places = placesOf(COMMON)
    const ids = Array.from({ length: 100 }, (_, index) => `webhook ${index}`)
    for (const id of ids) succeed(places, id, { times: COMMON, ms: QUICK_MS })
    const extra = ids.map((id) => places.of(id) - COMMON)
    expect(new Set(extra)).toEqual(new Set([5]))
    for (const id of ids.slice(1)) places.end(id)
    expect(places.of('webhook 0')).toBe(3 * COMMON)
  })

  it('has one place where the setting is one', () => {
    const places = placesOf(1)
    succeed(places, 'a', { times: 100, ms: QUICK_MS })
    expect(places.of('a')).toBe(1)
  })
})

it('a webhook that only fails has fewer places, down to one, and all of them with a success', () => {
  const places = placesOf(COMMON)
  for (let time = 0; time < 2 * COMMON; time += 1) places.failed('a')
  expect(places.of('a')).toBe(1)
  succeed(places, 'a', { times: 1, ms: SLOW_MS })
  expect(places.of('a')).toBe(COMMON)
})

import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createBackoff } from './backoff.ts'
import { untilAborted } from './until-aborted.ts'
import { wait } from './wait.ts'

describe('a wait', () => {
  it('says that the time passed', async () => {
    expect(await wait(1)).toBe(true)
  })

  it('ends at once when its signal aborts, and leaves no listener', async () => {
    const ending = new AbortController()
    const waiting = wait(60_000, ending.signal)
    ending.abort()
    expect(await waiting).toBe(false)
    expect(getEventListeners(ending.signal, 'abort')).toHaveLength(0)
  })

  it('does not begin under a signal that has aborted', async () => {
    expect(await wait(60_000, AbortSignal.abort())).toBe(false)
  })
})

describe('waiting until aborted', () => {
  it('ends at the abort, and disposes of what comes later', async () => {
    const ending = new AbortController()
    const { promise, resolve } = Promise.withResolvers<string>()
    const late: string[] = []
    const waiting = untilAborted(promise, ending.signal, (value) => void late.push(value))
    ending.abort()
    await expect(waiting).rejects.toThrow()
    resolve('late')
    await promise
    await Promise.resolve()
    expect(late).toEqual(['late'])
  })

  it('is the promise itself while nobody aborts, and leaves no listener', async () => {
    const { signal } = new AbortController()
    expect(await untilAborted(Promise.resolve('a'), signal)).toBe('a')
    await expect(untilAborted(Promise.reject(new Error('b')), signal)).rejects.toThrow('b')
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})

describe('a backoff', () => {
  it('grows by its factor to its limit and starts again after a reset', () => {
    const backoff = createBackoff({ firstMs: 100, maxMs: 350, jitter: 0 })
    expect([backoff.nextMs(), backoff.nextMs(), backoff.nextMs(), backoff.nextMs()]).toEqual([
      100, 200, 350, 350,
    ])
    backoff.reset()
    expect(backoff.nextMs()).toBe(100)
  })

  it('leaves a share of each wait to chance', () => {
    const backoff = createBackoff({ firstMs: 100, maxMs: 100 })
    const waits = Array.from({ length: 200 }, () => backoff.nextMs())
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(50)
    expect(Math.max(...waits)).toBeLessThanOrEqual(100)
    expect(new Set(waits).size).toBeGreaterThan(100)
  })
})

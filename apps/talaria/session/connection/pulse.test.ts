import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Pulse, pulseNow } from './pulse.ts'

const limits = { pingMs: 20_000, idleMs: 30_000, probeMs: 2_000, writeMs: 60_000 }
const quiet = { isPaused: false, isWriting: false, isAsked: false }

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

/** Every second until something is to be done, at most for two minutes: how many it took, and what. */
function secondsUntilDue(pulse: Pulse, standing = quiet): [number, string | undefined] {
  for (let seconds = 1; seconds <= 120; seconds++) {
    vi.advanceTimersByTime(1_000)
    const due = pulse.isDue(pulseNow()) ? pulse.judge(pulseNow(), limits, standing) : undefined
    if (due) return [seconds, due]
  }
  return [120, undefined]
}

describe('the pulse of a session', () => {
  it('is a ping every 20 s while the device answers', () => {
    const pulse = new Pulse(limits.pingMs)
    secondsUntilDue(pulse)
    pulse.heard()
    expect(secondsUntilDue(pulse)).toEqual([20, 'ping'])
  })

  it('ends 30 s after the last sign of life', () => {
    const pulse = new Pulse(limits.pingMs)
    pulse.heard()
    const [untilPing] = secondsUntilDue(pulse)
    let [seconds, due] = secondsUntilDue(pulse)
    if (due === 'ping') {
      const [more, last] = secondsUntilDue(pulse)
      seconds += more
      due = last
    }
    expect([untilPing + seconds, due]).toEqual([31, 'idle'])
  })

  it('of an unanswered command is a ping after 2 s, and the end after 2 more', () => {
    const pulse = new Pulse(limits.pingMs)
    expect(secondsUntilDue(pulse)[1]).toBe('ping')
    pulse.heard()
    pulse.asked()
    const asked = { ...quiet, isAsked: true }
    expect(secondsUntilDue(pulse, asked)).toEqual([3, 'ping'])
    // The caller gave up meanwhile: the device has not answered all the same.
    expect(secondsUntilDue(pulse)).toEqual([3, 'idle'])
  })

  it('that is looked at only when it is due comes to the same as one looked at always', () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 1, max: 12_000 }),
      what: fc.constantFrom('heard', 'listen', 'wrote', 'asked', 'answered', 'taken', 'pardon'),
    })
    const check = (steps: { afterMs: number; what: string }[], phase: number): void => {
      vi.spyOn(Math, 'random').mockReturnValue(phase)
      const pulses = [new Pulse(limits.pingMs), new Pulse(limits.pingMs)] as const
      vi.mocked(Math.random).mockRestore()
      const standing = { ...quiet }
      for (const { afterMs, what } of steps) {
        for (let ms = 0; ms < afterMs; ms += 500) {
          vi.advanceTimersByTime(500)
          const now = pulseNow()
          const always = pulses[0].judge(now, limits, standing)
          const whenDue = pulses[1].isDue(now) ? pulses[1].judge(now, limits, standing) : undefined
          expect(whenDue).toBe(always)
          if (always === 'idle' || always === 'write-error') return
        }
        if (what === 'asked') standing.isAsked = true
        if (what === 'answered') standing.isAsked = false
        if (what === 'wrote') standing.isWriting = true
        if (what === 'taken') standing.isWriting = false
        if (what === 'listen') standing.isPaused = !standing.isPaused
        for (const pulse of pulses) {
          if (what === 'pardon') pulse.pardon(afterMs)
          else if (what === 'taken') pulse.wrote()
          else if (what !== 'answered') pulse[what as 'heard' | 'listen' | 'wrote' | 'asked']()
        }
      }
    }
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        check,
      ),
    )
  })
})

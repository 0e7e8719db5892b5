/**
 * How many requests are under way at once, and when the last is out. A mute device holds its request
 * for the whole of the time-out, so without a bound a caller could fill the memory with requests to
 * one.
 */
import { wait } from '#libs/retry/wait.ts'

/** Why nobody is let in. */
type Closed = 'overloaded' | 'ending'

/** Lets requests in up to a limit, until it ends. */
export interface Admission {
  /** A pass that must be given back by disposing it. */
  enter(): Disposable | Closed
  readonly isEnding: boolean
  /** Lets nobody in from now on. */
  end(): void
  /** Resolves with true once all are out, with false after `waitMs`. */
  empty(waitMs: number): Promise<boolean>
}

/** @param onChange is told how many are in, at each change. */
export function createAdmission(countMax: number, onChange: (count: number) => void): Admission {
  let count = 0
  let isEnding = false
  const waiting = new Set<() => void>()
  const leave = (): void => {
    onChange(--count)
    if (count === 0) for (const wake of waiting) wake()
  }
  return {
    get isEnding() {
      return isEnding
    },
    enter() {
      if (isEnding) return 'ending'
      if (count >= countMax) return 'overloaded'
      onChange(++count)
      let isIn = true
      return {
        [Symbol.dispose]() {
          if (isIn) leave()
          isIn = false
        },
      }
    },
    end() {
      isEnding = true
    },
    async empty(waitMs) {
      if (count === 0) return true
      const waited = new AbortController()
      const wake = (): void => waited.abort()
      waiting.add(wake)
      const isOver = await wait(waitMs, waited.signal)
      waiting.delete(wake)
      return !isOver
    },
  }
}

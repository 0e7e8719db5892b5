/**
 * A timer that reads first. After a process stood still (stopped, or its loop blocked) its timers
 * fire before, or in the middle of, what came meanwhile: the answer that a time-out is about may
 * lie in the socket already.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** A timer that fires so late shows that the loop stood still. */
const LATE_MS = 50

/** After a standstill: as long as it takes to read what piled up, and what the server held back for it. */
const GRACE_MS = 100

/** Each turn of the loop reads up to two megabytes of one socket, so these are ample. */
const READING_TURNS = 2

/** Calls `act` after `ms`, and not before what has come until then is read; stopped by disposing it. */
export function startPatientTimer(ms: number, act: () => void): Disposable {
  const dueAt = performance.now() + ms
  let isStopped = false
  const judge = async (): Promise<void> => {
    for (let turn = 0; turn < READING_TURNS; turn += 1) await nextTurn()
    if (!isStopped) act()
  }
  let timer = setTimeout(() => {
    const isLate = performance.now() - dueAt > LATE_MS
    if (isLate) timer = setTimeout(() => void judge(), GRACE_MS)
    else void judge()
  }, ms)
  return {
    [Symbol.dispose]() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}

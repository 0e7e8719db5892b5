/**
 * Whether this process stood still just now (stopped, or its loop blocked), so that what it reads may
 * have lain in its socket for as long: its caller cannot see that, and would give up waiting.
 */

/** How often the loop shows that it goes. */
const TICK_MS = 50

/** A loop that is so late has stood still. */
const LATE_MS = 50

/** How long what piled up may take to be read, at most. */
const CATCHING_UP_MS_MAX = 2_000

/** Watches the loop until disposed. */
export interface Standstill extends Disposable {
  /** Whether what is read at this moment may be old. */
  readonly isRecent: boolean
}

/** A watch on this process' loop. */
export function watchStandstill(): Standstill {
  let lastTickAt = performance.now()
  let catchingUpUntil = 0
  const look = (): number => {
    const now = performance.now()
    const lateMs = now - lastTickAt - TICK_MS
    if (lateMs > LATE_MS) catchingUpUntil = now + Math.min(lateMs, CATCHING_UP_MS_MAX)
    return now
  }
  const timer = setInterval(() => (lastTickAt = look()), TICK_MS)
  timer.unref()
  return {
    // The sockets are read before the timers fire, so this looks by itself.
    get isRecent() {
      return look() < catchingUpUntil
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

/** Whether events are being stored: one log line when that stops and one when it goes on again. */
import type { Logger } from '#libs/log/logger.ts'

/** Failures for so long are no election of a leader: somebody has to look. */
const FAULT_AFTER_MS = 5_000

/** Without a try for so long nothing is known any more, and a new device may be let in to show it. */
const FORGET_AFTER_MS = 20_000

/** The state of storing. */
export interface Storing {
  succeeded(): void
  failed(error: unknown): void
  /** What the last failure said, once there have been failures only for a while. */
  readonly fault: string | undefined
}

/** All is well at the beginning. */
export function createStoring(log: Logger): Storing {
  let failing: { since: number; last: number; error: string; isTold: boolean } | undefined
  return {
    succeeded() {
      if (failing?.isTold) log.info('events are stored again')
      failing = undefined
    },
    failed(error) {
      const now = performance.now()
      failing ??= { since: now, last: now, error: '', isTold: false }
      failing.last = now
      failing.error = String(error)
      if (failing.isTold || now - failing.since < FAULT_AFTER_MS) return
      failing.isTold = true
      log.error({ error: failing.error }, 'events are not stored')
    },
    get fault() {
      const now = performance.now()
      if (!failing?.isTold || now - failing.last > FORGET_AFTER_MS) return undefined
      return `events are not stored: ${failing.error}`
    },
  }
}

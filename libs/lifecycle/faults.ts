/**
 * What one of many throws (a device, a webhook, a caller) ends that one and no other: its handlers
 * and timers run within a guard, which counts the fault and logs it. What is nobody's in particular
 * goes on ending the process.
 */
import type { Counting } from '#libs/metrics/labels.ts'
import type { AppRegistry } from '#libs/metrics/registry.ts'
import type { Logger } from '#libs/log/logger.ts'

/** Whose fault it was, for the log. */
export type FaultFacts = Readonly<Record<string, string | undefined>>

/** Takes the faults of one app, of the kinds `K`. */
export interface Faults<K extends string> {
  /** Counts and logs. Never throws, even where it is the log that fails. */
  tell(kind: K, error: unknown, facts?: FaultFacts): void
  /** {@link tell} for one kind, as what handles a rejection. */
  of(kind: K): (error: unknown) => void
  /** Does `act`; false when it threw, which is told. Never throws. */
  try(kind: K, act: () => void, facts?: FaultFacts): boolean
}

/** The counter of an app's faults; `kinds` say what was being done. */
export const createFaultsCounter = <const K extends string>(
  registry: AppRegistry,
  kinds: readonly K[],
): Counting<{ kind: readonly K[] }> =>
  registry.counter('faults_total', 'Unexpected errors that ended one thing only; each is logged.', {
    kind: kinds,
  })

/** What {@link createFaults} needs of the counter. */
interface FaultsCounter<K extends string> {
  inc(labels: { kind: K }): void
}

/** Takes faults. */
export function createFaults<K extends string>(counter: FaultsCounter<K>, log: Logger): Faults<K> {
  const tell: Faults<K>['tell'] = (kind, error, facts) => {
    counter.inc({ kind })
    try {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      log.error({ ...facts, kind, error: text }, 'unexpected error, which ended one thing only')
    } catch {
      // The count has it.
    }
  }
  return {
    tell,
    of: (kind) => (error) => tell(kind, error),
    try(kind, act, facts) {
      try {
        act()
        return true
      } catch (error) {
        tell(kind, error, facts)
        return false
      }
    },
  }
}

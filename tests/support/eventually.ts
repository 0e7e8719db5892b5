/** Waits for what will be true soon, without a guess at how soon. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Between two looks: short against what a test waits for, long against what a look costs. */
const POLL_MS = 10

/**
 * Calls `look` until it does not throw, and resolves with what it returned.
 * @throws the last error of `look`, with how long it was given, when `withinMs` have passed.
 */
export async function eventually<T>(
  look: () => T | Promise<T>,
  { withinMs = 5_000 }: { withinMs?: number } = {},
): Promise<T> {
  const until = performance.now() + withinMs
  for (;;) {
    try {
      return await look()
    } catch (error) {
      if (performance.now() >= until) {
        const what = error instanceof Error ? error.message : String(error)
        throw new Error(`not within ${withinMs} ms: ${what}`, { cause: error })
      }
    }
    await sleep(POLL_MS)
  }
}

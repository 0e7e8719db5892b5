/** A pause that ends early when it has lost its sense. */
import type { GivenUp } from './given-up.ts'

/**
 * Resolves with true after `ms`, or with false as soon as `signal` aborts. Never rejects, so that
 * a loop reads `if (!(await wait(…))) return`.
 */
export function wait(ms: number, signal?: GivenUp): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve(false)
    const end = (isOver: boolean): void => {
      clearTimeout(timer)
      // A signal may outlive thousands of waits: none leaves a listener behind.
      signal?.removeEventListener('abort', onAbort)
      resolve(isOver)
    }
    const onAbort = (): void => end(false)
    const timer = setTimeout(() => end(true), ms)
    signal?.addEventListener('abort', onAbort)
  })
}

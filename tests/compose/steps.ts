/** The steps of a run: each with a name, a time limit and a line on how it went. */

const started = performance.now()

/** Seconds since the run began, as a column. */
const clock = (): string => `${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s`

/** A line of the run's output. */
export const say = (text: string): void => void process.stdout.write(`${clock()}  ${text}\n`)

/** One step. @throws what it throws, or that it took too long; its name is in the message. */
export async function step<T>(name: string, withinMs: number, act: () => Promise<T>): Promise<T> {
  const begun = performance.now()
  const timer = Promise.withResolvers<never>()
  const timeout = setTimeout(
    () => timer.reject(new Error(`not within ${withinMs / 1000} s`)),
    withinMs,
  )
  try {
    const result = await Promise.race([act(), timer.promise])
    say(`ok    ${name} (${((performance.now() - begun) / 1000).toFixed(1)} s)`)
    return result
  } catch (error) {
    say(`FAIL  ${name}: ${(error as Error).message}`)
    throw error
  } finally {
    clearTimeout(timeout)
  }
}

/** @throws with `what` when it does not hold. */
export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

/**
 * How many requests are under way at once. A mute device holds its request for the whole of the
 * time-out, so without a bound a caller could fill the memory with requests to one.
 */

/** Lets requests in up to a limit. */
export interface Admission {
  /** A pass that must be given back by disposing it; undefined when the limit is reached. */
  enter(): Disposable | undefined
}

/** @param onChange is told how many are in, at each change. */
export function createAdmission(countMax: number, onChange: (count: number) => void): Admission {
  let count = 0
  return {
    enter() {
      if (count >= countMax) return undefined
      onChange(++count)
      let isIn = true
      return {
        [Symbol.dispose]() {
          if (isIn) onChange(--count)
          isIn = false
        },
      }
    },
  }
}

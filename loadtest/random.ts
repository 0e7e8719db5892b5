/** Random numbers that a seed repeats: a failing case can be run again. */

/** A source of 32-bit numbers (xorshift32); the same seed gives the same ones. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

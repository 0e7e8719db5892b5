/**
 * Which of several members owns a key, so that a change of members moves only what it must. Everybody
 * who must agree uses this and nothing else: it decides where devices go and who tells of the dead.
 */
import { halvesOf, scatter } from './halves.ts'

/** One that can own keys. */
export interface Member {
  id: string
  /** Its share of the keys relative to the others'; above 0. */
  weight: number
}

/** The id of the member that owns `key`; undefined when there are no members. */
export type FindOwner = (key: string) => string | undefined

/**
 * A score that is lower by more than this margin is not worked out; rounding errors are far
 * smaller.
 */
const CERTAINLY = 1 - 1e-9

/**
 * Weighted rendezvous hashing: each member draws a score from the key, and the highest wins; so
 * everybody who knows the same members answers the same, in whatever order he knows them. ADR 5.
 *
 * The key is hashed once, and mixed with the two numbers of each member, which are made here; so a
 * list that does not change is given once and asked many times.
 */
export function createOwners(members: Iterable<Member>): FindOwner {
  // By id, as the first of two equal scores wins.
  const sorted = [...members].toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const highs = Int32Array.from(sorted, ({ id }) => halvesOf(id).high)
  const lows = Int32Array.from(sorted, ({ id }) => halvesOf(id).low)
  const weights = Float64Array.from(sorted, ({ weight }) => weight)
  return (key) => {
    const { high, low } = halvesOf(key)
    let owner = 0
    let best = -1
    for (let index = 0; index < weights.length; index += 1) {
      const weight = weights[index] ?? 0
      const uniform = mix(high ^ (highs[index] ?? 0), low ^ (lows[index] ?? 0))
      // As -ln(u) > 1 - u, most are known to lose without their logarithm.
      if (weight < best * (1 - uniform) * CERTAINLY) continue
      // The share of wins is exactly the share of the weight.
      const score = weight / -Math.log(uniform)
      if (score > best) {
        owner = index
        best = score
      }
    }
    return sorted[owner]?.id
  }
}

/** The owner of one key, for who asks once. */
export const ownerOf = (key: string, members: Iterable<Member>): string | undefined =>
  createOwners(members)(key)

/**
 * Makes of 64 bits a number above 0 and below 1. The halves change each other in turn, four
 * times: every bit of the input reaches every bit of the output, and no two inputs give the same 64
 * bits. (A BigInt would do it in one line, and take a hundred times as long.)
 */
function mix(high: number, low: number): number {
  const first = high ^ scatter(low)
  const second = low ^ scatter(first)
  const third = first ^ scatter(second)
  const fourth = second ^ scatter(third)
  // 52 bits and a half: more would be rounded, up to 1.
  return ((third >>> 0) * 2 ** 20 + (fourth >>> 12) + 0.5) / 2 ** 52
}

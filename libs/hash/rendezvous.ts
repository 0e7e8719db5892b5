/** Which of several members owns a key, so that a change of members moves only what it must. */
import { murmur3 } from './murmur3.ts'

/** One that can own keys. */
export interface Member {
  id: string
  /** Its share of the keys relative to the others'; above 0. */
  weight: number
}

/**
 * The id of the member that owns `key`, undefined when there is none. Weighted rendezvous hashing:
 * each member draws a score from the key, and the highest wins; so everybody who knows the same
 * members answers the same, in whatever order he knows them. ADR 5.
 */
export function ownerOf(key: string, members: readonly Member[]): string | undefined {
  let owner: Member | undefined
  let ownerScore = 0
  for (const member of members) {
    const score = scoreOf(key, member)
    const isTie = owner !== undefined && score === ownerScore
    if (!owner || score > ownerScore || (isTie && member.id < owner.id)) {
      owner = member
      ownerScore = score
    }
  }
  return owner?.id
}

/** `weight / -ln(u)` for a uniform u: the share of wins is exactly the share of the weight. */
function scoreOf(key: string, { id, weight }: Member): number {
  // A half is added so that u is never 0 or 1.
  const uniform = (murmur3(`${id}\n${key}`) + 0.5) / 2 ** 32
  return weight / -Math.log(uniform)
}

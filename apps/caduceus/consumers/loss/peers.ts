/** The instances that answer questions, as far as this one has heard of them: itself and others. */
import { randomUUID } from 'node:crypto'

/** Who is silent so often in a row is gone; before that he may only stand still for a moment. */
const SILENT_MAX = 3

/** The instances. */
export interface Peers {
  /** The id of this one. */
  readonly own: string
  /** Notes who has answered, and says whether somebody is missing who may only be late. */
  isMissing(heard: ReadonlySet<string>): boolean
}

/** Only this instance is known. */
export function createPeers(): Peers {
  const own = randomUUID()
  const silent = new Map<string, number>([[own, 0]])
  return {
    own,
    isMissing(heard) {
      for (const id of heard) silent.set(id, 0)
      // Who does not hear himself has heard nobody.
      if (!heard.has(own)) return true
      let isMissing = false
      for (const [id, count] of silent) {
        if (heard.has(id)) continue
        if (count + 1 >= SILENT_MAX) silent.delete(id)
        else {
          silent.set(id, count + 1)
          isMissing = true
        }
      }
      return isMissing
    },
  }
}

/** What each owner may use of something in a time; after a pause as much at once. */

/** Owners that are remembered; one that is forgotten begins with all of it again. */
const OWNERS_MAX = 10_000

/** The rates of all owners. */
export interface Rates {
  /** Takes so much, or says how long to wait until it is there, in milliseconds. */
  take(owner: string, amount?: number): number | undefined
}

/** @param most in each `periodMs`. */
export function createRates(most: number, periodMs: number): Rates {
  const rates = new Map<string, { left: number; atMs: number }>()
  return {
    take(owner, amount = 1) {
      const nowMs = performance.now()
      const rate = rates.get(owner) ?? { left: most, atMs: nowMs }
      const left = Math.min(most, rate.left + ((nowMs - rate.atMs) * most) / periodMs)
      const isThere = left >= amount
      // The last one in the map is who came last.
      rates.delete(owner)
      rates.set(owner, { left: isThere ? left - amount : left, atMs: nowMs })
      if (rates.size > OWNERS_MAX) rates.delete(rates.keys().next().value ?? '')
      return isThere ? undefined : ((amount - left) * periodMs) / most
    },
  }
}

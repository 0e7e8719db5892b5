/** Room for large events, lent for one at a time: next to the owner who has the least. */

/** The largest message of the stream EVENTS, with its subjects. */
export const LARGEST_BYTES = 1_024 * 1_024 + 4_096

/** What is lent. */
export interface Lending {
  /** Waits for room for one event. @throws when the signal aborts; then nothing is lent. */
  borrow(owner: string, signal: AbortSignal): Promise<void>
  giveBack(owner: string): void
}

interface Waiting {
  owner: string
  take: () => void
}

/** Nothing lent. Room for one event is there, and for each owner, whatever the limits. */
export function createLending({
  totalMax,
  ownerMax,
  onLent,
}: {
  totalMax: number
  ownerMax: number
  onLent: (bytes: number) => void
}): Lending {
  const mostCount = Math.max(1, Math.floor(totalMax / LARGEST_BYTES))
  const ownerMost = Math.max(1, Math.floor(ownerMax / LARGEST_BYTES))
  const counts = new Map<string, number>()
  const waiting = new Set<Waiting>()
  let lentCount = 0
  const change = (owner: string, by: 1 | -1): void => {
    lentCount += by
    onLent(lentCount * LARGEST_BYTES)
    const count = (counts.get(owner) ?? 0) + by
    if (count > 0) counts.set(owner, count)
    else counts.delete(owner)
  }
  const nextOf = (): Waiting | undefined => {
    let next: Waiting | undefined
    let least = ownerMost
    for (const each of waiting) {
      const count = counts.get(each.owner) ?? 0
      // Of those who have equally little, who waits longest.
      if (count < least) [next, least] = [each, count]
    }
    return next
  }
  const serve = (): void => {
    while (lentCount < mostCount) {
      const next = nextOf()
      if (!next) return
      waiting.delete(next)
      change(next.owner, 1)
      next.take()
    }
  }
  return {
    borrow(owner, signal) {
      if (signal.aborted) return Promise.reject(signal.reason as Error)
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const onAbort = (): void => {
        waiting.delete(entry)
        reject(signal.reason as Error)
      }
      const entry: Waiting = {
        owner,
        take() {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      waiting.add(entry)
      serve()
      return promise
    },
    giveBack(owner) {
      change(owner, -1)
      serve()
    },
  }
}

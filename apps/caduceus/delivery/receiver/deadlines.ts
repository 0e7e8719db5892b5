/**
 * Ends what takes too long, for things that all may take equally long: whatever began first is due
 * first, so one timer does for all of them.
 */

/** Something that may take so long and no longer. */
export interface Expiring {
  /** Called once when the time is over. Must not throw. */
  expire(): void
}

/** What is under way. */
export interface Deadlines {
  begin(what: Expiring): void
  /** It is done; nothing happens when it has expired already. */
  end(what: Expiring): void
}

/** Nothing under way; everything may take `withinMs`. */
export function createDeadlines(withinMs: number): Deadlines {
  // In the order in which they began, which is that of their deadlines.
  const dueAtMs = new Map<Expiring, number>()
  let timer: NodeJS.Timeout | undefined
  const look = (): void => {
    timer = undefined
    const nowMs = performance.now()
    for (const [what, atMs] of dueAtMs) {
      if (atMs > nowMs) return wakeAt(atMs, nowMs)
      dueAtMs.delete(what)
      what.expire()
    }
  }
  const wakeAt = (atMs: number, nowMs: number): void => {
    // It need not keep a process alive: what is under way has a socket or a query that does.
    timer = setTimeout(look, Math.ceil(atMs - nowMs)).unref()
  }
  return {
    begin(what) {
      const nowMs = performance.now()
      dueAtMs.set(what, nowMs + withinMs)
      if (!timer) wakeAt(nowMs + withinMs, nowMs)
    },
    end: (what) => void dueAtMs.delete(what),
  }
}

/** Lets each owner do so many things at once; what is more waits in line. */

/** Turns of all owners. */
export interface Turns {
  /** Runs `act` when it is the owner's turn. Rejects as it does. */
  take<T>(owner: string, act: () => Promise<T>): Promise<T>
}

/** @param most how many of one owner run at once. */
export function createTurns(most: number): Turns {
  const lines = new Map<string, { running: number; waiting: (() => void)[] }>()
  return {
    async take(owner, act) {
      const line = lines.get(owner) ?? { running: 0, waiting: [] }
      lines.set(owner, line)
      // Whoever ends hands his turn on, so the number stays.
      if (line.running >= most) await new Promise<void>((resolve) => line.waiting.push(resolve))
      else line.running += 1
      try {
        return await act()
      } finally {
        const next = line.waiting.shift()
        if (next) next()
        else line.running -= 1
        if (line.running === 0) lines.delete(owner)
      }
    },
  }
}

/**
 * The turns of one webhook, whose feeds are pulled side by side: together they have as many
 * deliveries at once as one would have. A feed may have in hand what the others leave of them, and
 * its share of them at least. So what waits in line is little: what two requests brought at once, or
 * what was in hand when a webhook that fails got fewer places.
 */

/** The turns. */
export class Turns {
  readonly #places: () => number
  /** By feed, what it has in hand: with a turn, or in line for one. */
  readonly #inHand: Map<string, number>
  readonly #onRoom = new Map<string, () => void>()
  /** In order; each is called when its turn comes. */
  readonly #line = new Set<() => void>()
  #running = 0

  /** @param places how many deliveries may run at once, at least one; asked each time. */
  constructor(feeds: readonly string[], places: () => number) {
    this.#inHand = new Map(feeds.map((feed) => [feed, 0]))
    this.#places = places
  }

  /** How many messages the feed may have in hand, at least one; more when {@link onRoom} says so. */
  placesOf(feed: string): number {
    const places = this.#places()
    const share = Math.floor(places / this.#inHand.size)
    let left = places
    for (const [each, count] of this.#inHand) if (each !== feed) left -= count
    return Math.max(1, share, left)
  }

  /** Calls `act` whenever another feed has less in hand. One for each feed; disposing ends it. */
  onRoom(feed: string, act: () => void): Disposable {
    this.#onRoom.set(feed, act)
    return { [Symbol.dispose]: () => void this.#onRoom.delete(feed) }
  }

  /** A message of the feed is in hand, until this is disposed. */
  hold(feed: string): Disposable {
    this.#count(feed, 1)
    return {
      [Symbol.dispose]: () => {
        this.#count(feed, -1)
        for (const [each, act] of this.#onRoom) if (each !== feed) act()
      },
    }
  }

  /**
   * Waits in line for a turn, which lasts until it is disposed. Undefined when there is none within
   * `withinMs`, or the signal aborts before: then the message should go back to its stream.
   */
  take(signal: AbortSignal, withinMs: number): Promise<Disposable | undefined> {
    if (signal.aborted) return Promise.resolve(undefined)
    // There may be more places than when the line was served last.
    this.#serve()
    if (this.#line.size === 0 && this.#hasPlace()) return Promise.resolve(this.#begin())
    return new Promise((resolve) => {
      const leave = (turn: Disposable | undefined): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', giveUp)
        this.#line.delete(begin)
        resolve(turn)
      }
      const begin = (): void => leave(this.#begin())
      const giveUp = (): void => leave(undefined)
      const timer = setTimeout(giveUp, withinMs)
      signal.addEventListener('abort', giveUp)
      this.#line.add(begin)
    })
  }

  #count(feed: string, change: number): void {
    this.#inHand.set(feed, (this.#inHand.get(feed) ?? 0) + change)
  }

  #hasPlace(): boolean {
    return this.#running < this.#places()
  }

  #begin(): Disposable {
    this.#running += 1
    return {
      [Symbol.dispose]: () => {
        this.#running -= 1
        this.#serve()
      },
    }
  }

  #serve(): void {
    for (const begin of this.#line) {
      if (!this.#hasPlace()) return
      begin()
    }
  }
}

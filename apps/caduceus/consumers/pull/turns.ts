/**
 * The turns of one webhook, whose feeds are pulled side by side: together they have as many
 * deliveries at once as one would have. What was pulled and has no turn yet waits in line.
 */

/** The turns. */
export class Turns {
  readonly #places: () => number
  readonly #waiting: (() => void)[] = []
  #running = 0

  /** @param places how many may run at once, at least one; asked each time. */
  constructor(places: () => number) {
    this.#places = places
  }

  /** Runs `act` when it is its turn. Rejects as it does. */
  async take<T>(act: () => Promise<T>): Promise<T> {
    if (this.#running < this.#places()) this.#running += 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await act()
    } finally {
      this.#running -= 1
      this.#serve()
    }
  }

  #serve(): void {
    while (this.#waiting.length > 0 && this.#running < this.#places()) {
      this.#running += 1
      this.#waiting.shift()?.()
    }
  }
}

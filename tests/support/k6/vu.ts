/**
 * A VU of the stand-in: which iteration it runs, and what it still waits for. As in k6, an iteration
 * is over once its function has resolved and no timer, request or socket of it is left.
 */

/** What a scenario tells its VUs. */
export interface ScenarioState {
  readonly name: string
  readonly startTime: number
}

/** One VU. */
export class Vu {
  readonly id: number
  /** Set while an iteration runs. */
  scenario: ScenarioState | undefined
  iterationInTest = 0
  /** False once the script is loaded: some of k6 is for before only. */
  isInit = true
  #pendingCount = 0
  #onIdle: (() => void) | undefined
  #errors: Error[] = []

  constructor(id: number) {
    this.id = id
  }

  /** Something is under way; what is returned says, once, that it has ended. */
  begin(): () => void {
    this.#pendingCount += 1
    let hasEnded = false
    return () => {
      if (hasEnded) return
      hasEnded = true
      this.#pendingCount -= 1
      if (this.#pendingCount === 0) this.#onIdle?.()
    }
  }

  /** Runs a callback of the script; what it throws is the iteration's. False if it threw. */
  callback(run: () => void): boolean {
    try {
      run()
      return true
    } catch (error) {
      this.#errors.push(error instanceof Error ? error : new Error(String(error)))
      return false
    }
  }

  /** Runs an iteration to its end. @throws what it or one of its callbacks threw. */
  async iterate(run: () => unknown): Promise<void> {
    this.#errors = []
    await run()
    // What the last promise sets off is not there yet.
    await new Promise((resolve) => setImmediate(resolve))
    if (this.#pendingCount > 0) {
      await new Promise<void>((resolve) => (this.#onIdle = resolve))
      this.#onIdle = undefined
    }
    const [error] = this.#errors
    if (error) throw error
  }
}

/** What a measurement is, and what it comes to. */

/** One measurement, beside a bare baseline in the same run. At most some three minutes long. */
export interface Scenario {
  /** One line: what is compared with what. */
  readonly about: string
  /** Measures; `say` takes a line on how far it is. Whatever it started has ended when it returns. */
  run(say: (progress: string) => void): Promise<Outcome>
}

/** What one run of a scenario came to. */
export interface Outcome {
  readonly figures: readonly Figure[]
  readonly goals: readonly Goal[]
  /** Why the run counts for nothing, such as a generator that had no time left; absent when it counts. */
  readonly invalid?: string
}

/** One measured thing: a value for each round. */
export interface Figure {
  /** Such as `Talaria: memory of a device`. */
  readonly what: string
  /** Such as `KiB`, `ms`, `/s`, or `×` for a ratio. */
  readonly unit: string
  readonly values: readonly number[]
}

/** A bound that a figure must keep. */
export interface Goal {
  readonly what: string
  readonly measured: number
  readonly is: 'at most' | 'at least'
  readonly limit: number
}

/** Whether it was kept. What could not be measured (NaN) was not. */
export const isKept = ({ measured, is, limit }: Goal): boolean =>
  is === 'at most' ? measured <= limit : measured >= limit

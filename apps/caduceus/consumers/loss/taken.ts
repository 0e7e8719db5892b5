/** Which events this instance was given for a webhook since the last place that is sure. */

/** More than this are not remembered: some seconds of the fastest webhook. */
const TAKEN_MAX = 100_000

/** From the first to the last of a row of events, both included. */
export type Run = readonly [first: number, last: number]

/** Of one feed. */
export class Taken {
  readonly #seqs = new Set<number>()

  add(seq: number): void {
    if (this.#seqs.size >= TAKEN_MAX) this.#seqs.delete(this.#seqs.values().next().value ?? 0)
    this.#seqs.add(seq)
  }

  forgetThrough(through: number): void {
    for (const seq of this.#seqs) if (seq <= through) this.#seqs.delete(seq)
  }

  /** Those between, `through` included. */
  runs(after: number, through: number): Run[] {
    const seqs = [...this.#seqs].filter((seq) => seq > after && seq <= through)
    return toRuns(seqs.toSorted((one, other) => one - other))
  }
}

function toRuns(seqs: readonly number[]): Run[] {
  const runs: [number, number][] = []
  for (const seq of seqs) {
    const run = runs.at(-1)
    if (run && run[1] + 1 === seq) run[1] = seq
    else runs.push([seq, seq])
  }
  return runs
}

/** How many different events the runs hold. */
export function countOf(runs: readonly Run[]): number {
  let count = 0
  let counted = 0
  for (const [first, last] of runs.toSorted((one, other) => one[0] - other[0])) {
    count += Math.max(0, last - Math.max(first - 1, counted))
    counted = Math.max(counted, last)
  }
  return count
}

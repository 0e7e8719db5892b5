/**
 * The labels of metrics and the values that they can have. A closed set is written down, and no
 * other value compiles; an open one is one whose bound is not in the code, such as the Talarias.
 */

/** A set of values: all of them, or what they are and what bounds their number. */
export type Values = readonly string[] | { readonly open: string }

/** Each label of a metric with its values. */
export type Labels = Readonly<Record<string, Values>>

type Chosen<L extends Labels> = {
  [K in keyof L]: L[K] extends readonly (infer V extends string)[] ? V : string
}

type None<L extends Labels> = [keyof L] extends [never] ? true : false

/** A counter as its app sees it; `reset` is for what somebody else counts and is told anew. */
export type Counting<L extends Labels> =
  None<L> extends true
    ? { inc(by?: number): void }
    : { inc(labels: Chosen<L>, by?: number): void; reset(): void }

/** A gauge as its app sees it. */
export type Measuring<L extends Labels> =
  None<L> extends true
    ? { set(value: number): void; inc(by?: number): void; dec(by?: number): void }
    : { set(labels: Chosen<L>, value: number): void; reset(): void }

/** A histogram as its app sees it. The timer's function ends it. */
export type Timing<L extends Labels> =
  None<L> extends true
    ? { observe(seconds: number): void; startTimer(): () => void }
    : {
        observe(labels: Chosen<L>, seconds: number): void
        startTimer(labels: Chosen<L>): () => void
      }

/** Every combination of values; none when a label's set is open or there are no labels. */
export function combinationsOf(labels: Labels): Record<string, string>[] {
  const entries = Object.entries(labels)
  if (entries.length === 0) return []
  let combinations: Record<string, string>[] = [{}]
  for (const [name, values] of entries) {
    if ('open' in values) return []
    combinations = combinations.flatMap((one) => values.map((value) => ({ ...one, [name]: value })))
  }
  return combinations
}

/** How fast a function is, beside a baseline of the same run: ratios travel between machines. */

/** Rounds of each candidate in turn, so that what the machine does meanwhile hits all alike. */
const ROUNDS = 7
const ROUND_MS = 250

/** Calls between two looks at the clock. */
const BATCH = 200

/** Calls per second of each candidate, one for each round. */
export function measure<Name extends string>(
  candidates: Readonly<Record<Name, () => unknown>>,
): Record<Name, number[]> {
  const names = Object.keys(candidates) as Name[]
  const rates = new Map<Name, number[]>(names.map((name) => [name, []]))
  for (const name of names) rateOf(candidates[name])
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of names) rates.get(name)?.push(rateOf(candidates[name]))
  }
  return Object.fromEntries(rates) as Record<Name, number[]>
}

/** Where results go, so that no compiler finds that nobody wants them. */
let sink: unknown

function rateOf(candidate: () => unknown): number {
  const startedAt = performance.now()
  let calls = 0
  while (performance.now() - startedAt < ROUND_MS) {
    for (let index = 0; index < BATCH; index += 1) sink = candidate()
    calls += BATCH
  }
  const rate = calls / ((performance.now() - startedAt) / 1_000)
  return sink === candidate ? 0 : rate
}

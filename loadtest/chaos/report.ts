/** What a run came to, as a table for people. */
import type { Outcome } from './scenario.ts'

const number = (value: number): string => value.toLocaleString('en')

/** The table, and below it a few of those that broke a promise. */
export function describeOutcome({ scenario, seed, verdicts, figures }: Outcome): string {
  const width = Math.max(...verdicts.map(({ promise }) => promise.length))
  const rows = verdicts.map(
    ({ promise, counted, broken, note }) =>
      `${broken > 0 ? '✗' : '✓'} ${promise.padEnd(width)}${number(counted).padStart(9)}${number(broken).padStart(9)}${note ? `  ${note}` : ''}`,
  )
  const examples = verdicts
    .filter(({ broken }) => broken > 0)
    .flatMap(({ promise, examples: shown }) => [
      '',
      `✗ ${promise}, for example:`,
      ...shown.map((example) => `    ${example}`),
    ])
  const measured = Object.entries(figures).map(([name, value]) => `${name} ${value}`)
  return [
    `${scenario}, seed ${seed}: ${measured.join(', ')}`,
    `  ${'promise'.padEnd(width)}${'counted'.padStart(9)}${'broken'.padStart(9)}`,
    ...rows,
    ...examples,
    '',
  ].join('\n')
}

/** One line for each of several runs, and what all together came to. */
export function describeOutcomes(outcomes: readonly Outcome[]): string {
  const lines = outcomes.map(({ scenario, seed, verdicts }) => {
    const broken = verdicts.filter((verdict) => verdict.broken > 0)
    const names = broken.map((verdict) => `${number(verdict.broken)} × ${verdict.promise}`)
    return `${broken.length > 0 ? '✗' : '✓'} ${scenario.padEnd(13)} seed ${seed}  ${names.join('; ')}`
  })
  const totals = new Map<string, { counted: number; broken: number }>()
  for (const { promise, counted, broken } of outcomes.flatMap(({ verdicts }) => verdicts)) {
    const before = totals.get(promise) ?? { counted: 0, broken: 0 }
    totals.set(promise, { counted: before.counted + counted, broken: before.broken + broken })
  }
  const width = Math.max(...[...totals.keys()].map(({ length }) => length))
  const sums = [...totals].map(
    ([promise, { counted, broken }]) =>
      `${broken > 0 ? '✗' : '✓'} ${promise.padEnd(width)}${number(counted).padStart(11)}${number(broken).padStart(9)}`,
  )
  return [...lines, '', ...sums].join('\n')
}

/** Whether a promise was broken. */
export const isBroken = ({ verdicts }: Outcome): boolean =>
  verdicts.some(({ broken }) => broken > 0)

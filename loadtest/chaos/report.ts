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

/** Whether a promise was broken. */
export const isBroken = ({ verdicts }: Outcome): boolean =>
  verdicts.some(({ broken }) => broken > 0)

/** The outcome of a scenario as people read it. */
import { median, quantile } from './statistics.ts'
import { isKept, type Figure, type Goal, type Outcome } from './scenario.ts'

/** Digits that say something: three, as no measurement here is surer than that. */
const DIGITS = 3

const WIDTH = 60

/** Several lines: the figures, then the goals with what was measured. */
export function describeOutcome(name: string, about: string, outcome: Outcome): string {
  return [
    `${name}: ${about}`,
    '',
    ...outcome.figures.map(figureLine),
    ...(outcome.goals.length === 0 ? [] : ['', ...outcome.goals.map(goalLine)]),
    ...(outcome.invalid === undefined ? [] : ['', `  INVALID: ${outcome.invalid}`]),
    '',
  ].join('\n')
}

/** Why a check fails, one line for each reason; none when it passes. */
export const faultsOf = (name: string, { goals, invalid }: Outcome): string[] => [
  ...goals.filter((goal) => !isKept(goal)).map((goal) => `${name}: ${goalText(goal)}`),
  ...(invalid === undefined ? [] : [`${name}: the run is invalid: ${invalid}`]),
]

function figureLine({ what, unit, values }: Figure): string {
  const spread =
    values.length > 1 ? ` (${plain(quantile(values, 0))} to ${plain(quantile(values, 1))})` : ''
  return `  ${what.padEnd(WIDTH)} ${plain(median(values)).padStart(9)} ${unit.padEnd(4)}${spread}`
}

const goalLine = (goal: Goal): string =>
  `  ${isKept(goal) ? 'kept  ' : 'MISSED'}  ${goalText(goal)}`

const goalText = ({ what, measured, is, limit }: Goal): string =>
  `${what}: ${plain(measured)}, asked ${is} ${plain(limit)}`

/** Three digits, without an exponent. */
function plain(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(DIGITS)))
}

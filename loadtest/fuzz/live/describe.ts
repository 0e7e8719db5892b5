/** What a run of the live fuzzer did, in lines. */
import type { LiveReport } from './run.ts'

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`

/** One line, for a run that goes on. */
export const describeProgress = ({ cases, units, worstStallMs }: LiveReport): string =>
  `${cases} cases, ${units} frames or requests, longest kept ${worstStallMs.toFixed(1)} ms`

/** All of a run without a finding. */
export function describeLive(report: LiveReport): string {
  const outcomes = [...report.outcomes]
    .toSorted(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `  ${String(count).padStart(8)}  ${outcome}`)
  const memory = [...report.memory].map(
    ([app, { warm, end }]) =>
      `${app}: held ${megabytes(warm.heldBytes)} after the warm-up, ${megabytes(end.heldBytes)} at the end; ` +
      `resident ${megabytes(warm.residentBytes)}, ${megabytes(end.residentBytes)}`,
  )
  return [
    `${report.cases} cases, ${report.units} frames or requests`,
    ...outcomes,
    ...memory,
    `longest that a loop was kept: ${report.worstStallMs.toFixed(1)} ms of CPU time (${report.worst}); ` +
      `${report.unrepeatedStalls} times over 100 ms in a round, but by none of its cases alone`,
    '0 ends of a process, 0 faults, 0 answers that none may give, 0 cases that keep a loop each time',
  ].join('\n')
}

/**
 * What a run came to, for a person: a table of the measures that got values, the thresholds, and
 * one line that says whether all were kept. `-e SUMMARY=file` writes k6's own data there as JSON.
 */
import { textOf } from './settings.ts'

/** The statistics that k6 makes of each duration. */
export const TREND_STATISTICS = ['count', 'avg', 'med', 'p(95)', 'p(99)', 'max']

/** One measure, as k6's summary has it. */
interface MetricData {
  type: string
  values: Record<string, number>
  thresholds?: Record<string, { ok: boolean }>
}

/** The part of k6's summary that is read. */
export interface SummaryData {
  metrics: Record<string, MetricData>
  state: { testRunDurationMs: number }
}

/** How each measure is called in the table, in the table's order. */
const LABELS: readonly (readonly [metric: string, label: string])[] = [
  ['device_token_duration', 'token from Themis'],
  ['device_redirect_duration', 'redirect of Petasos'],
  ['device_websocket_duration', 'websocket to Talaria'],
  ['device_connect_duration', 'connect, all of it'],
  ['device_recovery_duration', 'back after a loss'],
  ['event_ack_duration', 'event, until acknowledged'],
  ['command_duration', 'command, until answered'],
  ['command_missing_duration', 'command to nobody, until 404'],
  ['webhook_register_duration', 'webhook registered'],
  ['webhook_list_duration', 'webhooks listed'],
  ['webhook_delivery_duration', 'event, until at the webhook'],
  ['device_connected', 'connects that worked'],
  ['device_kept', 'devices held to the end'],
  ['devices_lost', 'connections lost'],
  ['device_recovered', 'devices back in time'],
  ['device_pings', 'pings answered'],
  ['events_sent', 'events sent'],
  ['events_held_back', 'events held back'],
  ['event_acknowledged', 'events acknowledged'],
  ['command_answered', 'commands answered'],
  ['command_missing_404', '404 for nobody'],
  ['webhook_delivered', 'events delivered'],
  ['webhook_repeats', 'delivered again'],
  ['checks', 'answers of the webhook API'],
  ['dropped_iterations', 'calls the generator left out'],
]

const LABEL_WIDTH = 32
const CELL_WIDTH = 10

/** Makes `handleSummary` for a script. */
export function summaryOf(title: string) {
  return (data: SummaryData): Record<string, string> => {
    const file = textOf('SUMMARY', '')
    return {
      stdout: textSummary(title, data),
      ...(file !== '' && { [file]: `${JSON.stringify(data, null, 2)}\n` }),
    }
  }
}

function textSummary(title: string, { metrics, state }: SummaryData): string {
  const rows = LABELS.map(([name, label]) => ({ label, metric: metrics[name] })).filter(
    (row): row is { label: string; metric: MetricData } => hasValues(row.metric),
  )
  // k6 calls a threshold kept of which nothing was measured; here it is not counted at all.
  const judged = Object.entries(metrics)
    .filter(([, metric]) => hasValues(metric))
    .flatMap(([name, { thresholds = {} }]) =>
      Object.entries(thresholds).map(([rule, { ok }]) => ({ name, rule, ok })),
    )
  const failures = judged.filter(({ ok }) => !ok)
  return [
    '',
    `${title}, ${(state.testRunDurationMs / 1_000).toFixed(1)} s`,
    '',
    line('milliseconds', TREND_STATISTICS),
    ...rows
      .filter(({ metric }) => metric.type === 'trend')
      .map(({ label, metric }) => line(label, statisticsOf(metric))),
    '',
    ...rows
      .filter(({ metric }) => metric.type !== 'trend')
      .map(({ label, metric }) => line(label, countsOf(metric))),
    '',
    ...judged.map(({ name, rule, ok }) => `${ok ? '  kept  ' : '  BROKEN'}  ${name}: ${rule}`),
    '',
    failures.length === 0
      ? `All ${judged.length} thresholds were kept.`
      : `${failures.length} of ${judged.length} thresholds were broken.`,
    '',
  ].join('\n')
}

/** Whether anything was measured; of a counter, nothing and zero are the same. */
function hasValues(metric: MetricData | undefined): boolean {
  if (!metric) return false
  const { passes = 0, fails = 0, count } = metric.values
  return metric.type === 'rate' ? passes + fails > 0 : metric.type === 'counter' || count !== 0
}

const statisticsOf = ({ values }: MetricData): string[] =>
  TREND_STATISTICS.map((each) => Number(values[each]).toFixed(each === 'count' ? 0 : 1))

/** A rate as "so many of so many", a counter as its number. */
function countsOf({ values: { passes, fails, count } }: MetricData): string[] {
  if (passes === undefined || fails === undefined) return [String(count)]
  const share = (100 * passes) / Math.max(1, passes + fails)
  return [String(passes), `of ${passes + fails}`, `${share.toFixed(2)} %`]
}

const line = (label: string, cells: readonly string[]): string =>
  `  ${label.padEnd(LABEL_WIDTH)}${cells.map((cell) => cell.padStart(CELL_WIDTH)).join('')}`

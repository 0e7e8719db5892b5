/** Thresholds such as `p(95)<500`: read, and held against what a metric came to. */
import { valuesOf, type Metric, type MetricType } from './metrics.ts'

const RULE = /^\s*(count|rate|value|avg|min|med|max|p\([\d.]+\))\s*(<=|>=|==|!=|<|>)\s*([\d.]+)\s*$/

const COMPARE: Readonly<Record<string, (one: number, other: number) => boolean>> = {
  '<': (one, other) => one < other,
  '>': (one, other) => one > other,
  '<=': (one, other) => one <= other,
  '>=': (one, other) => one >= other,
  '==': (one, other) => one === other,
  '!=': (one, other) => one !== other,
}

/** What k6 lets one ask of each kind of metric. */
const STATISTICS: Readonly<Record<MetricType, RegExp>> = {
  counter: /^(count|rate)$/,
  gauge: /^value$/,
  rate: /^rate$/,
  trend: /^(avg|min|med|max|p\(.*\))$/,
}

/**
 * Whether a metric keeps a rule. One without a value keeps every rule, as in k6, which passes over
 * it: a script must see to it that what did not happen is measured too.
 * @throws for a rule that is none for this kind of metric.
 */
export function isKept(rule: string, metric: Metric, seconds: number): boolean {
  const [, statistic = '', operator = '', limit = ''] = rule.match(RULE) ?? []
  const compare = COMPARE[operator]
  if (!compare || !STATISTICS[metric.type].test(statistic)) {
    throw new Error(`"${rule}" is no threshold of a ${metric.type}`)
  }
  if (metric.samples.length === 0) return true
  return compare(valuesOf(metric, [statistic], seconds)[statistic] ?? 0, Number(limit))
}

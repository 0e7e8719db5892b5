/** What was measured in a run: k6's four kinds of metrics, and the values that each comes to. */

/** k6's kinds. */
export const METRIC_TYPES = ['counter', 'gauge', 'rate', 'trend'] as const

/** One of them. */
export type MetricType = (typeof METRIC_TYPES)[number]

/** One metric with everything that it got. */
export interface Metric {
  readonly type: MetricType
  readonly samples: number[]
}

/** k6's own that the scripts set a threshold on or that say something in a test. */
const BUILT_IN: readonly (readonly [name: string, type: MetricType])[] = [
  ['checks', 'rate'],
  ['dropped_iterations', 'counter'],
  ['http_req_duration', 'trend'],
  ['http_req_failed', 'rate'],
  ['http_reqs', 'counter'],
  ['iterations', 'counter'],
]

/** All metrics of a run, shared by its VUs. */
export class Metrics {
  readonly #metrics = new Map<string, Metric>(
    BUILT_IN.map(([name, type]) => [name, { type, samples: [] }]),
  )

  /** Each VU defines each metric of its script. @throws for one of two kinds. */
  define(name: string, type: MetricType): void {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]{0,127}$/.test(name)) throw new Error(`${name} names no metric`)
    const known = this.#metrics.get(name)
    if (known && known.type !== type) throw new Error(`${name} is a ${known.type} already`)
    if (!known) this.#metrics.set(name, { type, samples: [] })
  }

  add(name: string, value: number | boolean): void {
    const number = Number(value)
    if (Number.isNaN(number)) throw new Error(`${name} got ${value}`)
    this.#metrics.get(name)?.samples.push(number)
  }

  get(name: string): Metric | undefined {
    return this.#metrics.get(name)
  }

  all(): IterableIterator<[string, Metric]> {
    return this.#metrics.entries()
  }
}

/** What a metric comes to, as the summary has it; `statistics` are those of trends. */
export function valuesOf(
  { type, samples }: Metric,
  statistics: readonly string[],
  seconds: number,
): Record<string, number> {
  const sum = samples.reduce((total, each) => total + each, 0)
  switch (type) {
    case 'counter':
      return { count: sum, rate: sum / seconds }
    case 'gauge':
      return { value: samples.at(-1) ?? 0 }
    case 'rate':
      return {
        rate: samples.length === 0 ? 0 : sum / samples.length,
        passes: sum,
        fails: samples.length - sum,
      }
    case 'trend':
      return Object.fromEntries(statistics.map((each) => [each, statisticOf(samples, each)]))
  }
}

/** One statistic of a trend: `avg`, `med`, `p(95)` and so on. @throws for an unknown one. */
function statisticOf(samples: readonly number[], statistic: string): number {
  const sorted = samples.toSorted((one, other) => one - other)
  const at = (share: number): number => {
    const position = share * (sorted.length - 1)
    const below = sorted[Math.floor(position)] ?? 0
    const above = sorted[Math.ceil(position)] ?? 0
    return below + (above - below) * (position - Math.floor(position))
  }
  switch (statistic) {
    case 'count':
      return sorted.length
    case 'avg':
      return sorted.reduce((total, each) => total + each, 0) / Math.max(1, sorted.length)
    case 'min':
      return at(0)
    case 'med':
      return at(0.5)
    case 'max':
      return at(1)
    default: {
      const percent = statistic.match(/^p\((\d+(?:\.\d+)?)\)$/)?.[1]
      if (percent === undefined) throw new Error(`${statistic} is no statistic`)
      return at(Number(percent) / 100)
    }
  }
}

/**
 * The metrics of one app, and the page that shows them. Their shape is made here, so that no app
 * can differ: `xmidt_<app>_…`, labels with the values that they can have, and from the start a zero
 * for each of those, so that the first of something is seen as an increase. docs/adr has the reasons.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import manifest from '#package' with { type: 'json' }
import {
  combinationsOf,
  type Counting,
  type Labels,
  type Measuring,
  type Timing,
} from './labels.ts'
import { processPage } from './process.ts'

/** What a metric of the registry is, for the reference page and the test of the shape. */
export interface MetricFacts {
  name: string
  type: 'counter' | 'gauge' | 'histogram'
  help: string
  labels: Labels
}

/** The metrics of one app. */
export interface AppRegistry {
  /** The content type of {@link page}. */
  readonly contentType: string
  /** All that were made, in the order of their making. */
  readonly facts: readonly MetricFacts[]
  /** Only grows. The name ends with `_total`. */
  counter<const L extends Labels = Record<never, never>>(
    name: string,
    help: string,
    labels?: L,
  ): Counting<L>
  /** Goes up and down; `collect` sets it when somebody looks. */
  gauge<const L extends Labels = Record<never, never>>(
    name: string,
    help: string,
    labels?: L,
    collect?: (gauge: Measuring<L>) => void,
  ): Measuring<L>
  /** How long things take; the name ends with `_seconds`, as `buckets` are. */
  histogram<const L extends Labels = Record<never, never>>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: L,
  ): Timing<L>
  /** In Prometheus' text form, with the process' own metrics below. */
  page(): Promise<string>
}

/**
 * An empty registry for one app; each app has its own, so that several run in one process.
 * @param prefix of the names; another than the app's is for who tells what is not his own.
 */
export function createRegistry(app: string, prefix = `xmidt_${app}`): AppRegistry {
  const registry = new Registry()
  const registers = [registry]
  const facts: MetricFacts[] = []
  const optionsOf = (type: MetricFacts['type'], name: string, help: string, labels: Labels) => {
    const full = `${prefix}_${name}`
    facts.push({ name: full, type, help, labels })
    return { name: full, help, labelNames: Object.keys(labels), registers }
  }
  new Gauge({
    name: 'xmidt_build_info',
    help: 'Always 1; its labels say which app this is and of which version.',
    labelNames: ['app', 'version'],
    registers,
  }).set({ app, version: manifest.version }, 1)
  return {
    contentType: registry.contentType,
    facts,
    counter(name, help, labels) {
      const counter = new Counter(optionsOf('counter', name, help, labels ?? {}))
      for (const values of combinationsOf(labels ?? {})) counter.inc(values, 0)
      return counter
    },
    gauge(name, help, labels, collect) {
      const made: Gauge = new Gauge({
        ...optionsOf('gauge', name, help, labels ?? {}),
        ...(collect && { collect: () => collect(made) }),
      })
      for (const values of combinationsOf(labels ?? {})) made.set(values, 0)
      return made
    },
    histogram(name, help, buckets, labels) {
      const histogram = new Histogram({
        ...optionsOf('histogram', name, help, labels ?? {}),
        buckets: [...buckets],
      })
      for (const values of combinationsOf(labels ?? {})) histogram.zero(values)
      return histogram
    },
    page: async () => `${await registry.metrics()}\n${await processPage()}`,
  }
}

/** The metrics page, made of the apps' own registries so that it cannot differ from them. */
import type { MetricObject } from 'prom-client'
import { createMetrics as caduceusMetrics } from '#apps/caduceus/metrics.ts'
import { parodusMetrics } from '#apps/parodus/metrics.ts'
import { petasosMetrics } from '#apps/petasos/metrics.ts'
import { createMetrics as scytaleMetrics } from '#apps/scytale/metrics.ts'
import { createMetrics as talariaMetrics } from '#apps/talaria/metrics.ts'
import { themisMetrics } from '#apps/themis/metrics.ts'
import { createRegistry, type Registry } from '#libs/metrics/registry.ts'

/** A registry with one app's metrics in it. */
function registryOf(fill: (registry: Registry) => unknown): Registry {
  const registry = createRegistry()
  fill(registry)
  return registry
}

const noTalarias = { current: () => new Map(), isStale: false }

const APPS: readonly (readonly [name: string, registry: () => Registry])[] = [
  ['talaria', () => talariaMetrics().registry],
  ['scytale', () => scytaleMetrics().registry],
  ['petasos', () => registryOf((registry) => petasosMetrics(registry, () => noTalarias))],
  ['caduceus', () => registryOf((registry) => caduceusMetrics(registry))],
  ['themis', () => registryOf(themisMetrics)],
  ['parodus', () => registryOf(parodusMetrics)],
]

/** The whole page. */
export async function metricsReferencePage(): Promise<string> {
  const sections = await Promise.all(
    APPS.map(async ([name, registry]) => section(name, await registry().getMetricsAsJSON())),
  )
  return [
    '# Metrics',
    '',
    'What `/metrics` on the operations port of each app shows, besides what belongs to the process',
    '(`process_*`, `nodejs_*`). Written by `npm run docs` from `apps/*/metrics.ts`: change it there.',
    '',
    ...sections.flat(),
  ].join('\n')
}

function section(title: string, metrics: MetricObject[]): string[] {
  const rows = metrics
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, type, help }) => `| \`${name}\` | ${String(type)} | ${help} |`)
  return [`## ${title}`, '', '| metric | type | what |', '|---|---|---|', ...rows, '']
}

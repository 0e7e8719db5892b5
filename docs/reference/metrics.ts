/** The metrics page, made of the apps' own registries so that it cannot differ from them. */
import { createMetrics as createCaduceus } from '#apps/caduceus/metrics.ts'
import { createMetrics as createExporter } from '#apps/exporter/metrics.ts'
import { createMetrics as createEdge } from '#apps/edge/metrics.ts'
import { createMetrics as createParodus } from '#apps/parodus/metrics.ts'
import { createMetrics as createPetasos } from '#apps/petasos/metrics.ts'
import { createMetrics as createScytale } from '#apps/scytale/metrics.ts'
import { createMetrics as createTalaria } from '#apps/talaria/metrics.ts'
import { createMetrics as createThemis } from '#apps/themis/metrics.ts'
import type { Values } from '#libs/metrics/labels.ts'
import type { MetricFacts } from '#libs/metrics/registry.ts'

const noTalarias = { current: () => new Map(), isStale: false }

/** Every app's metrics, as the app itself makes them. */
export const METRICS: Readonly<Record<string, readonly MetricFacts[]>> = {
  talaria: createTalaria().registry.facts,
  scytale: createScytale().registry.facts,
  petasos: createPetasos(() => noTalarias).registry.facts,
  caduceus: createCaduceus().registry.facts,
  themis: createThemis().registry.facts,
  edge: createEdge().registry.facts,
  parodus: createParodus().registry.facts,
  /** Of the nats-servers, by the app `exporter`. */
  nats: createExporter().registry.facts,
}

/** The whole page. */
export function metricsReferencePage(): string {
  return [
    '# Metrics',
    '',
    'What `/metrics` on the operations port of each app shows. Written by `npm run docs` from',
    '`apps/*/metrics.ts`: change it there.',
    '',
    'All are `xmidt_<app>_…`, in seconds and bytes. A counter ends with `_total` and is there from the',
    'start, at zero, with every value that its labels can have; so `increase()` sees the first of',
    'anything. One thing has one label everywhere: `reason` says why something was refused, dropped,',
    'ended or put off, `outcome` what became of it, `kind` which sort it was. Each app also shows',
    '`xmidt_build_info{app,version}`, always 1, and what belongs to its process (`process_*`,',
    '`nodejs_*`); where several apps are one process, as in `npm start`, all show the same of it.',
    'What is below `nats` is shown by the app `exporter`.',
    '',
    ...Object.entries(METRICS).flatMap(([name, facts]) => section(name, facts)),
  ].join('\n')
}

function section(title: string, metrics: readonly MetricFacts[]): string[] {
  const rows = metrics
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, type, help, labels }) => {
      const lines = Object.entries(labels).map(([label, values]) => labelText(label, values))
      return `| \`${name}\` | ${type} | ${help} | ${lines.join('<br>')} |`
    })
  return [`## ${title}`, '', '| metric | type | what | labels |', '|---|---|---|---|', ...rows, '']
}

const labelText = (label: string, values: Values): string =>
  `\`${label}\`: ${'open' in values ? values.open : values.join(', ')}`

/** Everything that Petasos counts. */
import { createDroppedCounter } from '#libs/http/connections.ts'
import { createFaultsCounter, type Faults } from '#libs/lifecycle/faults.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { createConnectionMetrics } from '#libs/nats/connection/connection-metrics.ts'
import { createStreamsGauge } from '#libs/nats/stream/streams-watch.ts'
import { createTraceMetrics } from '#libs/trace/metrics.ts'
import { TALARIAS_BUCKET, type TalariaEntry } from '#libs/nats/bucket/talarias.ts'

/** Why a request is not redirected. */
const REFUSALS = ['name-missing', 'name-invalid', 'no-talaria'] as const
/** One of {@link REFUSALS}. */
export type RefusalReason = (typeof REFUSALS)[number]

/** What was being done when something unexpected ended it. */
const FAULTS = ['request', 'upgrade'] as const

/** Takes Petasos' faults. */
export type PetasosFaults = Faults<(typeof FAULTS)[number]>

/** What the list is read from. */
export const STREAMS = [`KV_${TALARIAS_BUCKET}`] as const

/** The list of Talarias as it is when somebody looks at the metrics. */
export interface TalariaList {
  current(): ReadonlyMap<string, TalariaEntry>
  readonly isStale: boolean
}

/** What {@link createMetrics} makes. */
export type PetasosMetrics = ReturnType<typeof createMetrics>

/** Fresh metrics in a registry of their own. */
export function createMetrics(list: () => TalariaList) {
  const registry = createRegistry('petasos')
  return {
    registry,
    trace: createTraceMetrics(registry),
    faults: createFaultsCounter(registry, FAULTS),
    connectionsDropped: createDroppedCounter(registry),
    redirects: registry.counter('redirects_total', 'Devices that were sent to a Talaria.', {
      talaria: { open: "the Talaria's id" },
    }),
    refused: registry.counter('requests_refused_total', 'Requests that were not redirected.', {
      reason: REFUSALS,
    }),
    talarias: registry.gauge(
      'talarias',
      'Talarias that are known.',
      { state: ['live', 'draining'] },
      (gauge) => {
        const all = [...list().current().values()]
        const drainingCount = all.filter(({ draining }) => draining).length
        gauge.set({ state: 'draining' }, drainingCount)
        gauge.set({ state: 'live' }, all.length - drainingCount)
      },
    ),
    stale: registry.gauge(
      'talarias_stale',
      '1 while the list of Talarias may be old: there is none yet, NATS is away, or nobody renews.',
      {},
      (gauge) => gauge.set(list().isStale ? 1 : 0),
    ),
    streamMissing: createStreamsGauge(registry, STREAMS),
    connections: createConnectionMetrics(registry, ['petasos']),
  }
}

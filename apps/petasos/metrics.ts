/** All metrics of Petasos. */
import { Counter, Gauge } from 'prom-client'
import type { Registry } from '#libs/metrics/registry.ts'
import type { TalariaEntry } from '#libs/nats/talarias.ts'

/** The list of Talarias as it is when somebody looks at the metrics. */
export interface TalariaList {
  current(): ReadonlyMap<string, TalariaEntry>
  readonly isStale: boolean
}

/** The metrics, made once for each registry. */
export function petasosMetrics(registry: Registry, list: () => TalariaList) {
  const registers = [registry]
  return {
    redirects: new Counter({
      name: 'petasos_redirects_total',
      help: 'Devices that were sent to a Talaria, by the Talaria.',
      labelNames: ['talaria'] as const,
      registers,
    }),
    refused: new Counter({
      name: 'petasos_requests_refused_total',
      help: 'Requests that were not redirected, by reason: name-missing, name-invalid, no-talaria.',
      labelNames: ['reason'] as const,
      registers,
    }),
    talarias: new Gauge({
      name: 'petasos_talarias',
      help: 'Talarias that are known, by state: live or draining.',
      labelNames: ['state'] as const,
      registers,
      collect() {
        const all = [...list().current().values()]
        const drainingCount = all.filter(({ draining }) => draining).length
        this.set({ state: 'draining' }, drainingCount)
        this.set({ state: 'live' }, all.length - drainingCount)
      },
    }),
    stale: new Gauge({
      name: 'petasos_talarias_stale',
      help: '1 while the list of Talarias may be old: there is none yet, NATS is away, or nobody renews.',
      registers,
      collect() {
        this.set(list().isStale ? 1 : 0)
      },
    }),
  }
}

/** What {@link petasosMetrics} makes. */
export type PetasosMetrics = ReturnType<typeof petasosMetrics>

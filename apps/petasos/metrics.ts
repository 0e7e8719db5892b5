/** All metrics of Petasos. */
import { Counter, Gauge } from 'prom-client'
import type { Registry } from '#libs/metrics/registry.ts'

/** The metrics, made once for each registry. */
export function petasosMetrics(registry: Registry) {
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
    }),
    isStale: new Gauge({
      name: 'petasos_talarias_stale',
      help: '1 while the list of Talarias may be old, as NATS is away or the last one ran out.',
      registers,
    }),
  }
}

/** What {@link petasosMetrics} makes. */
export type PetasosMetrics = ReturnType<typeof petasosMetrics>

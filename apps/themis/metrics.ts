/** All metrics of Themis. */
import { Counter } from 'prom-client'
import type { Registry } from '#libs/metrics/registry.ts'

/** The metrics, made once for each registry. */
export function themisMetrics(registry: Registry) {
  return {
    issued: new Counter({
      name: 'themis_tokens_issued_total',
      help: 'Tokens that were signed, by whom they are for: device or caller.',
      labelNames: ['kind'] as const,
      registers: [registry],
    }),
    refused: new Counter({
      name: 'themis_requests_refused_total',
      help: 'Requests for a token that were refused, by reason: credential, device-id, partner-id.',
      labelNames: ['reason'] as const,
      registers: [registry],
    }),
  }
}

/** What {@link themisMetrics} makes. */
export type ThemisMetrics = ReturnType<typeof themisMetrics>

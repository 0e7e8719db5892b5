/** Everything that Themis counts. */
import { createDroppedCounter } from '#libs/http/connections.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { createTraceMetrics } from '#libs/trace/metrics.ts'

/** What {@link createMetrics} makes. */
export type ThemisMetrics = ReturnType<typeof createMetrics>

/** Fresh metrics in a registry of their own. */
export function createMetrics() {
  const registry = createRegistry('themis')
  return {
    registry,
    trace: createTraceMetrics(registry),
    connectionsDropped: createDroppedCounter(registry),
    issued: registry.counter(
      'tokens_issued_total',
      'Tokens that were signed, by whom they are for.',
      {
        kind: ['device', 'caller'],
      },
    ),
    refused: registry.counter('requests_refused_total', 'Requests for a token that were refused.', {
      reason: [
        'credential',
        'certificate',
        'device-id',
        'partner-id',
        'device-not-granted',
        'partner-not-granted',
      ],
    }),
  }
}

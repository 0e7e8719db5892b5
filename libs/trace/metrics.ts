/** What an app counts of its own tracing. */
import type { createRegistry } from '#libs/metrics/registry.ts'

/** The counters, made once for each registry. */
export function createTraceMetrics(registry: ReturnType<typeof createRegistry>) {
  return {
    exported: registry.counter('spans_exported_total', 'Spans that the collector has taken.'),
    dropped: registry.counter('spans_dropped_total', 'Spans that were lost.', {
      reason: ['queue-full', 'export-failed', 'ended'],
    }),
  }
}

/** What {@link createTraceMetrics} makes. */
export type TraceMetrics = ReturnType<typeof createTraceMetrics>

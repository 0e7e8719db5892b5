/**
 * Ended spans on their way to the collector, with a bound on how many there are, a count of each
 * one that is lost, and a word in the log when the collector goes and when it is back.
 */
import { TraceFlags } from '@opentelemetry/api'
import { ExportResultCode } from '@opentelemetry/core'
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace'
import type { Logger } from '#libs/log/logger.ts'
import type { TraceMetrics } from './metrics.ts'

/** OpenTelemetry's own default. */
const BATCH_SPANS_MAX = 512

/** The end waits so long for what is left: traces are not worth more of an orderly end. */
const CLOSE_MS = 2_000

/** The outbox. */
export interface Outbox {
  readonly processor: SpanProcessor
  /** Sends what is left, if the collector is there, for two seconds at most. Never rejects. */
  close(): Promise<void>
}

/** What {@link createOutbox} needs. */
export interface OutboxOptions {
  exporter: SpanExporter
  /** Those that wait and those that are being sent. */
  spansMax: number
  delayMs: number
  timeoutMs: number
  metrics: TraceMetrics
  log: Logger
}

/** An empty outbox. */
export function createOutbox(options: OutboxOptions): Outbox {
  const { spansMax, delayMs, timeoutMs, metrics } = options
  const state: State = { heldCount: 0, isAway: false, isClosed: false, onEmpty: undefined }
  const batches = new BatchSpanProcessor({
    exporter: watched(options, state),
    maxQueueSize: spansMax,
    maxExportBatchSize: Math.min(BATCH_SPANS_MAX, spansMax),
    scheduledDelayMillis: delayMs,
    // The exporter has the limit; this one is only for an exporter that forgets it.
    exportTimeoutMillis: timeoutMs + 1_000,
  })
  const processor: SpanProcessor = {
    onStart: () => undefined,
    onEnd(span) {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return
      if (state.isClosed) return metrics.dropped.inc({ reason: 'ended' })
      if (state.heldCount >= spansMax) return metrics.dropped.inc({ reason: 'queue-full' })
      state.heldCount += 1
      batches.onEnd(span)
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  }
  return {
    processor,
    async close() {
      state.isClosed = true
      if (!state.isAway && state.heldCount > 0) {
        // A flush does not wait for the batch that is under way already.
        const over = Promise.withResolvers<void>()
        state.onEmpty = over.resolve
        const timeout = setTimeout(over.resolve, CLOSE_MS)
        batches.forceFlush().catch(over.resolve)
        await over.promise
        clearTimeout(timeout)
      }
      if (state.heldCount > 0) metrics.dropped.inc({ reason: 'ended' }, state.heldCount)
      state.heldCount = 0
    },
  }
}

interface State {
  heldCount: number
  /** The last batch could not be sent. */
  isAway: boolean
  isClosed: boolean
  onEmpty: (() => void) | undefined
}

/** The exporter, with its outcomes counted and its outages told once each. */
function watched({ exporter, metrics, log }: OutboxOptions, state: State): SpanExporter {
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const isAway = result.code !== ExportResultCode.SUCCESS
        if (!isAway) metrics.exported.inc(spans.length)
        // Those that were under way at the end have been counted as lost by it.
        else if (state.heldCount > 0) metrics.dropped.inc({ reason: 'export-failed' }, spans.length)
        state.heldCount = Math.max(0, state.heldCount - spans.length)
        if (isAway && !state.isAway && !state.isClosed) {
          log.warn({ error: result.error?.message }, 'traces cannot be sent')
        }
        if (!isAway && state.isAway) log.info('traces are sent again')
        state.isAway = isAway
        done(result)
        if (state.heldCount === 0) state.onEmpty?.()
      })
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  }
}

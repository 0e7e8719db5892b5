/**
 * Tracing, as the apps see it: a tracer when one is configured and undefined when not. So what
 * tracing costs without a collector is one look at whether there is a tracer, and nothing of
 * OpenTelemetry is loaded.
 */
import type { TracingConfig } from '#libs/config/tracing.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { TraceContext } from './context.ts'
import type { TraceMetrics } from './metrics.ts'

/** Facts of a span, by the names of OpenTelemetry's semantic conventions where there is one. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

/**
 * Which end of what a span is: a request's two ends that wait for each other, or a message's two
 * that do not.
 */
type SpanKind = 'server' | 'client' | 'producer' | 'consumer'

/** What {@link Tracer.begin} is told besides the name, which must be one of few. */
export interface SpanOptions {
  kind: SpanKind
  /** The span that this one is a part of; without it a new trace begins. */
  parent?: TraceContext | undefined
  attributes?: Attributes
}

/** Something that takes time. */
export interface Span {
  /** What goes on to whoever does a part of it. */
  readonly context: TraceContext
  set(attributes: Attributes): void
  /** It failed, with a reason that is one of few. */
  fail(reason: string): void
  /** Exactly once. */
  end(): void
}

/** Begins spans. Disposing it sends what is left, for two seconds at most. */
export interface Tracer extends AsyncDisposable {
  begin(name: string, options: SpanOptions): Span
}

/** What {@link openTracer} needs. */
export interface TracerOptions {
  config: TracingConfig
  metrics: { readonly trace: TraceMetrics }
  log: Logger
  /** Tells this instance from others of the same app; by default an id of this start. */
  instanceId?: string | undefined
}

/**
 * A tracer, or undefined when no collector is configured.
 * @param app the service's name, unless the configuration has another.
 */
export async function openTracer(app: string, options: TracerOptions): Promise<Tracer | undefined> {
  const { config, log } = options
  const url = tracesUrl(config)
  if (url === undefined || config.OTEL_SDK_DISABLED) return undefined
  const { createTracer } = await import('./opentelemetry.ts')
  // Without what an URL may hold besides: a key is often part of its query.
  log.info({ collector: new URL(url).origin, sampler: config.OTEL_TRACES_SAMPLER }, 'tracing')
  return createTracer(app, url, options)
}

/** The fields of a log line that belongs to a span; of none without one. */
export const traceFields = (
  context: TraceContext | undefined,
): { traceId: string; spanId: string } | undefined =>
  context && { traceId: context.traceId, spanId: context.spanId }

/** OpenTelemetry's rule: the traces' own endpoint as it is, the common one with a path below it. */
function tracesUrl(config: TracingConfig): string | undefined {
  if (config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) return config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
  if (!config.OTEL_EXPORTER_OTLP_ENDPOINT) return undefined
  const url = new URL(config.OTEL_EXPORTER_OTLP_ENDPOINT)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`
  return url.href
}

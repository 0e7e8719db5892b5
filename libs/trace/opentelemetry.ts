/**
 * A tracer by OpenTelemetry's SDK: the one file that knows it, loaded only when tracing is
 * configured. Each app has a provider of its own and contexts are handed on by argument, so
 * several apps in one process do not meet and no hot path pays for asynchronous hooks.
 */
import { randomUUID } from 'node:crypto'
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Span as OtelSpan,
} from '@opentelemetry/api'
import { TraceState } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type Sampler,
} from '@opentelemetry/sdk-trace'
import type { TracingConfig } from '#libs/config/tracing.ts'
import type { TraceContext } from './context.ts'
import { createOutbox } from './outbox.ts'
import { parsePairs } from './pairs.ts'
import type { Span, Tracer, TracerOptions } from './tracer.ts'

/** A device chooses some of the values; what is longer tells nobody more. */
const SPAN_LIMITS = { attributeValueLengthLimit: 256, attributeCountLimit: 32 }

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const

/** A tracer of `app` that sends to `url`. */
export function createTracer(app: string, url: string, options: TracerOptions): Tracer {
  const { config, metrics, log } = options
  const exporter = new OTLPTraceExporter({
    url,
    headers: parsePairs(config.OTEL_EXPORTER_OTLP_HEADERS),
    timeoutMillis: config.OTEL_EXPORTER_OTLP_TIMEOUT,
  })
  const outbox = createOutbox({
    exporter,
    spansMax: config.OTEL_BSP_MAX_QUEUE_SIZE,
    delayMs: config.OTEL_BSP_SCHEDULE_DELAY,
    timeoutMs: config.OTEL_EXPORTER_OTLP_TIMEOUT,
    metrics: metrics.trace,
    log,
  })
  const provider = new TracerProvider({
    resource: resourceOf(app, options),
    sampler: samplerOf(config),
    spanLimits: SPAN_LIMITS,
    spanProcessors: [outbox.processor],
  })
  const tracer = provider.getTracer('xmidt-on-nats')
  return {
    begin(name, { kind, parent, attributes = {} }) {
      const at = parent ? remote(parent) : ROOT_CONTEXT
      return wrap(tracer.startSpan(name, { kind: KINDS[kind], attributes: { ...attributes } }, at))
    },
    [Symbol.asyncDispose]: () => outbox.close(),
  }
}

function wrap(span: OtelSpan): Span {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext()
  const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0
  return {
    context: { traceId, spanId, isSampled, state: traceState?.serialize() || undefined },
    set: (attributes) => void span.setAttributes({ ...attributes }),
    fail(reason) {
      span.setAttribute('error.type', reason)
      span.setStatus({ code: SpanStatusCode.ERROR })
    },
    end: () => span.end(),
  }
}

function remote({ traceId, spanId, isSampled, state }: TraceContext): Context {
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(state !== undefined && { traceState: new TraceState(state) }),
  })
}

function resourceOf(app: string, { instanceId, config }: TracerOptions) {
  return defaultResource().merge(
    resourceFromAttributes({
      'service.instance.id': instanceId || randomUUID(),
      'service.namespace': 'xmidt',
      ...parsePairs(config.OTEL_RESOURCE_ATTRIBUTES),
      'service.name': config.OTEL_SERVICE_NAME || app,
    }),
  )
}

function samplerOf(config: TracingConfig): Sampler {
  const name = config.OTEL_TRACES_SAMPLER
  const root = rootSampler(name.replace(/^parentbased_/, ''), config.OTEL_TRACES_SAMPLER_ARG)
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root
}

function rootSampler(name: string, ratio: number): Sampler {
  if (name === 'always_on') return new AlwaysOnSampler()
  return name === 'always_off' ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(ratio)
}

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { loadConfig } from '#libs/config/load.ts'
import { tracingFields } from '#libs/config/tracing.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { eventually } from '#tests/support/eventually.ts'
import { keepLogLines } from '#tests/support/log-lines.ts'
import { startOtlpReceiver, type OtlpReceiver } from '#tests/support/otlp-receiver.ts'
import { parseTraceContext } from './context.ts'
import { createTraceMetrics } from './metrics.ts'
import { openTracer, type Tracer } from './tracer.ts'

let collector: OtlpReceiver
beforeEach(async () => void (collector = await startOtlpReceiver()))
afterEach(() => collector[Symbol.asyncDispose]())

/** A tracer with what it counts and logs. */
async function trace(environment: Record<string, string> = {}) {
  const registry = createRegistry('test')
  const logs = keepLogLines()
  const tracer = await openTracer('test', {
    config: loadConfig(z.object(tracingFields), {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '10',
      OTEL_EXPORTER_OTLP_TIMEOUT: '200',
      ...environment,
    }),
    metrics: { trace: createTraceMetrics(registry) },
    log: logs.loggerOf('test'),
  })
  const counted = async (series: string): Promise<number> => {
    const lines = (await registry.page()).split('\n')
    const line = lines.find((each) => each.startsWith(`xmidt_test_${series} `))
    return Number(line?.split(' ')[1])
  }
  return { tracer: tracer as Tracer, logs, counted }
}

const spanOf = (tracer: Tracer, name = 'work'): void => tracer.begin(name, { kind: 'server' }).end()
const messages = (logs: { lines: readonly { msg: string }[] }) => logs.lines.map(({ msg }) => msg)

describe('without a collector', () => {
  it.each([
    ['no endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    ['the SDK disabled', { OTEL_SDK_DISABLED: 'true' }],
  ])('there is no tracer: %s', async (_, environment) => {
    expect((await trace(environment)).tracer).toBeUndefined()
  })
})

describe('what a span says of its sender', () => {
  it("is the app's name, an id of this start, and what the operator adds", async () => {
    await using tracer = (
      await trace({
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test%20bench,=x,broken',
      })
    ).tracer
    spanOf(tracer)
    const [span] = await eventually(() => {
      expect(collector.spans).toHaveLength(1)
      return collector.spans
    })
    expect(span).toMatchObject({
      service: 'test',
      instance: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      name: 'work',
    })
  })

  it('is the name that the operator gives it', async () => {
    await using tracer = (await trace({ OTEL_SERVICE_NAME: 'other' })).tracer
    spanOf(tracer)
    await eventually(() => expect(collector.spans[0]?.service).toBe('other'))
  })
})

describe('which traces are recorded', () => {
  const remote = (flag: string) =>
    parseTraceContext(`00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-${flag}`)

  it('is what whoever began the trace has decided, and all that begin here', async () => {
    const { tracer } = await trace()
    await using _ = tracer
    const isSampled = (flag: string): boolean =>
      tracer.begin('x', { kind: 'server', parent: remote(flag) }).context.isSampled
    expect(isSampled('01')).toBe(true)
    expect(isSampled('00')).toBe(false)
    expect(tracer.begin('x', { kind: 'server' }).context.isSampled).toBe(true)
  })

  it('is a share of them, alike in every app as it depends on the trace alone', async () => {
    const sampler = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' }
    await using one = (await trace(sampler)).tracer
    await using other = (await trace(sampler)).tracer
    const parents = Array.from({ length: 200 }, () => one.begin('x', { kind: 'server' }).context)
    const kept = parents.filter(({ isSampled }) => isSampled)
    expect(kept.length).toBeGreaterThan(50)
    expect(kept.length).toBeLessThan(150)
    for (const parent of parents) {
      expect(other.begin('y', { kind: 'server', parent }).context).toMatchObject({
        traceId: parent.traceId,
        isSampled: parent.isSampled,
      })
    }
  })

  it('is none with always_off', async () => {
    await using tracer = (await trace({ OTEL_TRACES_SAMPLER: 'always_off' })).tracer
    expect(tracer.begin('x', { kind: 'server', parent: remote('01') }).context.isSampled).toBe(
      false,
    )
  })
})

describe('a collector', () => {
  it('that is away is told of once and costs counted spans; back again, it gets the next', async () => {
    const { tracer, logs, counted } = await trace()
    await using _ = tracer
    collector.setStatus(500)
    spanOf(tracer)
    await eventually(async () =>
      expect(await counted('spans_dropped_total{reason="export-failed"}')).toBe(1),
    )
    spanOf(tracer)
    await eventually(async () =>
      expect(await counted('spans_dropped_total{reason="export-failed"}')).toBe(2),
    )
    expect(messages(logs).filter((msg) => msg === 'traces cannot be sent')).toHaveLength(1)
    collector.setStatus(200)
    spanOf(tracer, 'after')
    await eventually(() => expect(collector.spans.map(({ name }) => name)).toEqual(['after']))
    await eventually(() => expect(messages(logs)).toContain('traces are sent again'))
    expect(await counted('spans_exported_total')).toBe(1)
  })

  it('that is slow leaves no more in memory than the queue holds; the rest is counted', async () => {
    const { tracer, counted } = await trace({
      OTEL_BSP_MAX_QUEUE_SIZE: '10',
      OTEL_BSP_SCHEDULE_DELAY: '60000',
      // The first batch is full at once, so it is sent without waiting for others.
    })
    for (let index = 0; index < 100; index += 1) spanOf(tracer)
    expect(await counted('spans_dropped_total{reason="queue-full"}')).toBe(90)
    await tracer[Symbol.asyncDispose]()
    expect(collector.spans).toHaveLength(10)
  })
})

describe('the end', () => {
  it('sends what is left', async () => {
    const { tracer } = await trace({ OTEL_BSP_SCHEDULE_DELAY: '60000' })
    spanOf(tracer)
    await tracer[Symbol.asyncDispose]()
    expect(collector.spans).toHaveLength(1)
  })

  it('does not wait long for a collector that does not take them, and counts what is lost', async () => {
    const { tracer, counted } = await trace({
      OTEL_BSP_SCHEDULE_DELAY: '60000',
      OTEL_EXPORTER_OTLP_TIMEOUT: '60000',
      // 503 is tried again by the exporter, for as long as it may.
    })
    collector.setStatus(503)
    spanOf(tracer)
    const startedAt = performance.now()
    await tracer[Symbol.asyncDispose]()
    expect(performance.now() - startedAt).toBeLessThan(4_000)
    expect(await counted('spans_dropped_total{reason="ended"}')).toBe(1)
    spanOf(tracer)
    expect(await counted('spans_dropped_total{reason="ended"}')).toBe(2)
  })
})

describe('the configuration', () => {
  it('names what cannot be used, all at once', () => {
    const load = () =>
      loadConfig(z.object(tracingFields), {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
        OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
        OTEL_TRACES_SAMPLER_ARG: '1.5',
      })
    expect(load).toThrow(/OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https URL/)
    expect(load).toThrow(/OTEL_EXPORTER_OTLP_PROTOCOL/)
    expect(load).toThrow(/OTEL_TRACES_SAMPLER_ARG/)
  })
})

import { afterAll, beforeAll, expect, it } from 'vitest'
import { basicOf } from '#tests/support/caller.ts'
import { isOnline, watchEvents } from '#tests/support/events.ts'
import { eventually } from '#tests/support/eventually.ts'
import { keepLogLines } from '#tests/support/log-lines.ts'
import {
  startOtlpReceiver,
  type OtlpReceiver,
  type ReceivedSpan,
} from '#tests/support/otlp-receiver.ts'
import { SERVICE, startParodus, type ParodusDevice } from '#tests/support/parodus.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'
import { register } from '#tests/support/registration.ts'
import { CALLER_CREDENTIAL, startStack, type Stack } from '#tests/support/stack.ts'

const DEVICE = 'mac:112233445566'
const SPAN_OF_CALLER = '00f067aa0ba902b7'

const logs = keepLogLines()
let collector: OtlpReceiver
let stack: Stack
let receiver: Receiver
let device: ParodusDevice

beforeAll(async () => {
  collector = await startOtlpReceiver()
  const environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=house%20of%20tests',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  }
  stack = await startStack({ caduceus: true, environment, loggerOf: logs.loggerOf })
  receiver = await startReceiver()
  await register(stack.caduceus!.url, receiver.url)
  await using events = await watchEvents(stack)
  device = await startParodus(stack, DEVICE, {
    environment,
    eventIntervalMs: 300,
    log: logs.loggerOf('parodus'),
  })
  await events.first(isOnline(DEVICE))
  // The service registers with its Parodus by itself and after the device is online.
  await eventually(async () => {
    const { text } = await stack.caller.ask(DEVICE, SERVICE)
    expect(text).toContain('"statusCode":200')
  })
})

afterAll(async () => {
  await device?.[Symbol.asyncDispose]()
  await stack?.[Symbol.asyncDispose]()
  await receiver?.[Symbol.asyncDispose]()
  await collector?.[Symbol.asyncDispose]()
})

let traceCount = 0
const newTraceId = (): string => (++traceCount).toString(16).padStart(32, 'a')

/** Asks the device's service as a caller who traces himself. */
async function ask(headers: Record<string, string>, more: object = {}): Promise<Response> {
  return fetch(`${stack.scytale.url}/api/v3/device`, {
    method: 'POST',
    headers: {
      authorization: basicOf(CALLER_CREDENTIAL),
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify({
      msg_type: 3,
      source: 'dns:caller.example',
      dest: `${DEVICE}/${SERVICE}`,
      transaction_uuid: `transaction-${traceCount}`,
      payload: Buffer.from('{"command":"GET","names":["Device.DeviceInfo."]}').toString('base64'),
      ...more,
    }),
  })
}

/** The spans as a chain, each the parent of the next, from the child of `parentId` on. */
function chainOf(spans: readonly ReceivedSpan[], parentId: string): ReceivedSpan[] {
  const child = spans.find(({ parentSpanId }) => parentSpanId === parentId)
  return child ? [child, ...chainOf(spans, child.spanId)] : []
}

const facts = (spans: readonly ReceivedSpan[]) =>
  spans.map(({ service, kind, name }) => `${service} ${kind} ${name}`)

it('a command is one trace from its caller to the service on the device', async () => {
  const traceId = newTraceId()
  const response = await ask({
    traceparent: `00-${traceId}-${SPAN_OF_CALLER}-01`,
    tracestate: 'vendor=of-the-caller',
  })
  expect(response.status).toBe(200)
  const spans = await collector.trace(traceId, 4)
  const chain = chainOf(spans, SPAN_OF_CALLER)
  expect(facts(chain)).toEqual([
    'scytale server POST /api/v3/device',
    'scytale client request xmidt.device.{device}.command',
    'talaria server reply xmidt.device.{device}.command',
    'parodus server deliver to local service',
  ])
  expect(chain[0]).toMatchObject({
    traceState: 'vendor=of-the-caller',
    isFailed: false,
    attributes: {
      'http.request.method': 'POST',
      'http.route': '/api/v3/device',
      'http.response.status_code': 200,
      'xmidt.device.id': DEVICE,
    },
  })
  expect(chain[2]).toMatchObject({
    instance: 'talaria-1',
    attributes: {
      'messaging.system': 'nats',
      'messaging.message.conversation_id': `transaction-${traceCount}`,
      'xmidt.command.outcome': 'answered',
    },
  })
  expect(chain[3]).toMatchObject({ instance: DEVICE, traceState: 'vendor=of-the-caller' })
})

it('a caller who names his trace in the message alone has the way to the device in it', async () => {
  const traceId = newTraceId()
  const traceparent = `00-${traceId}-${SPAN_OF_CALLER}-01`
  expect((await ask({}, { headers: [`traceparent: ${traceparent}`, 'tracestate: '] })).ok).toBe(
    true,
  )
  const chain = chainOf(await collector.trace(traceId, 3), SPAN_OF_CALLER)
  expect(facts(chain)).toEqual([
    'scytale client request xmidt.device.{device}.command',
    'talaria server reply xmidt.device.{device}.command',
    'parodus server deliver to local service',
  ])
})

it('an event is one trace from the device to its webhook, and the webhook is told', async () => {
  const { headers } = await receiver.next(
    (request) =>
      request.headers['x-webpa-device-id'] === DEVICE &&
      !String(request.headers['x-webpa-event']).includes('device-status/') &&
      request.headers.traceparent !== undefined,
    { withinMs: 10_000 },
  )
  const [, traceId = '', spanId] = String(headers.traceparent).split('-')
  const spans = await collector.trace(traceId, 4)
  const chain = chainOf(spans, '')
  expect(facts(chain)).toEqual([
    'parodus producer send event',
    'talaria producer send xmidt.event.{partition}.{type}.{device}',
    'caduceus consumer process xmidt.event.{partition}.{type}.{device}',
    'caduceus client POST',
  ])
  expect(chain[3]?.spanId).toBe(spanId)
  expect(chain[3]?.attributes).toMatchObject({
    'server.address': '127.0.0.1',
    'http.response.status_code': 200,
    'xmidt.webhook.id': expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  })
  expect(chain[1]?.attributes).toMatchObject({
    'xmidt.device.id': DEVICE,
    'xmidt.event.type': expect.any(String) as string,
  })
})

it('an event of the intake is one trace from its sender to its webhook', async () => {
  const traceId = newTraceId()
  const response = await fetch(`${stack.caduceus!.url}/api/v4/notify`, {
    method: 'POST',
    headers: {
      authorization: basicOf(CALLER_CREDENTIAL),
      'content-type': 'application/json',
      traceparent: `00-${traceId}-${SPAN_OF_CALLER}-01`,
    },
    body: JSON.stringify({
      msg_type: 4,
      source: 'dns:elsewhere',
      dest: 'event:elsewhere/happened',
    }),
  })
  expect(response.status).toBe(202)
  const { headers } = await receiver.next(
    (request) => request.headers['x-webpa-event'] === 'elsewhere/happened',
  )
  const spans = await collector.trace(traceId, 4)
  const chain = chainOf(spans, SPAN_OF_CALLER)
  expect(facts(chain)).toEqual([
    'caduceus server POST /api/v4/notify',
    'caduceus producer send xmidt.event.{partition}.{type}.{device}',
    'caduceus consumer process xmidt.event.{partition}.{type}.{device}',
    'caduceus client POST',
  ])
  expect(headers.traceparent).toBe(`00-${traceId}-${chain[3]?.spanId}-01`)
})

it('the log lines of every app on the way name the trace and the span', async () => {
  const traceId = newTraceId()
  await ask({ traceparent: `00-${traceId}-${SPAN_OF_CALLER}-01` })
  const spans = await collector.trace(traceId, 4)
  const lines = logs.lines.filter((line) => line.traceId === traceId)
  expect(new Set(lines.map(({ app }) => app))).toEqual(new Set(['scytale', 'talaria-1', 'parodus']))
  const spanIds = spans.map(({ spanId }) => spanId)
  for (const { spanId } of lines) expect(spanIds).toContain(spanId)
  expect(
    logs.lines.find(({ app, msg }) => app === 'caduceus' && msg === 'attempted'),
  ).toMatchObject({ traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as string })
})

it('a redirect and a token are spans too', async () => {
  const found = await eventually(() => {
    const names = facts(collector.spans)
    expect(names).toContain('themis server GET /issue')
    expect(names).toContain('petasos server GET /api/v2/device')
    return collector.spans.find(({ service }) => service === 'petasos')
  })
  expect(found?.attributes).toMatchObject({
    'http.response.status_code': 307,
    'xmidt.device.id': DEVICE,
    'xmidt.talaria.id': 'talaria-1',
  })
})

it('a traceparent that is none begins a new trace and goes no further', async () => {
  const before = collector.spans.length
  const forged = `00-${'F'.repeat(32)}-${SPAN_OF_CALLER}-01`
  const response = await ask({ traceparent: forged })
  expect(response.status).toBe(200)
  const span = await eventually(() => {
    const found = collector.spans.slice(before).find(({ name }) => name === 'POST /api/v3/device')
    expect(found).toBeDefined()
    return found
  })
  expect(span?.parentSpanId).toBe('')
  expect(span?.traceId).not.toBe('f'.repeat(32))
})

it('a trace that its caller does not record is recorded by nobody', async () => {
  const traceId = newTraceId()
  expect((await ask({ traceparent: `00-${traceId}-${SPAN_OF_CALLER}-00` })).status).toBe(200)
  const recorded = newTraceId()
  await ask({ traceparent: `00-${recorded}-${SPAN_OF_CALLER}-01` })
  await collector.trace(recorded, 4)
  expect(collector.spans.filter((span) => span.traceId === traceId)).toEqual([])
})

it('nothing in a span is a secret or a payload', async () => {
  const all = JSON.stringify(collector.spans)
  expect(all).not.toContain('Device.DeviceInfo')
  expect(all).not.toContain('operator-secret')
  expect(collector.requests[0]).toMatchObject({ 'x-tenant': 'house of tests' })
})

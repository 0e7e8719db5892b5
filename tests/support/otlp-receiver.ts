/**
 * A collector of the tests' own: takes traces by OTLP over HTTP as protobuf, decodes them by the
 * protocol's definition with a library that the senders do not use, and keeps the spans.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import protobuf from 'protobufjs'
import { eventually } from './eventually.ts'

/** What is looked at of opentelemetry/proto/trace/v1, with its field numbers. */
const DEFINITION = `
syntax = "proto3";
message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { repeated Span spans = 2; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4;
  string name = 5; int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; Status status = 15;
}
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue {
  oneof value {
    string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
  }
}`

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer']
const STATUS_ERROR = 2

/** One span as it came. */
export interface ReceivedSpan {
  /** `service.name` and `service.instance.id` of its sender. */
  service: string
  instance: string
  traceId: string
  spanId: string
  /** Empty for the first of a trace. */
  parentSpanId: string
  traceState: string
  name: string
  kind: string
  attributes: Record<string, unknown>
  isFailed: boolean
  durationNs: number
}

/** A collector that listens on loopback. Disposing it ends every connection. */
export interface OtlpReceiver extends AsyncDisposable {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string
  /** Every span that came, in order. */
  readonly spans: readonly ReceivedSpan[]
  /** The headers of every request. */
  readonly requests: readonly IncomingMessage['headers'][]
  /** The spans of a trace, once there are `count` of them; none may be more. */
  trace(traceId: string, count: number): Promise<ReceivedSpan[]>
  /** What is answered from now on; 200 until then. */
  setStatus(status: number): void
}

/** Starts a collector. */
export async function startOtlpReceiver({ port = 0 } = {}): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const requests: IncomingMessage['headers'][] = []
  let status = 200
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
      requests.push(request.headers)
      const isExport =
        request.url === '/v1/traces' && request.headers['content-type'] === 'application/x-protobuf'
      if (isExport && status === 200) spans.push(...decode(Buffer.concat(chunks)))
      response.writeHead(isExport ? status : 404, { 'Content-Type': 'application/x-protobuf' })
      response.end()
    })()
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    trace: (traceId, count) =>
      eventually(
        () => {
          const found = spans.filter((span) => span.traceId === traceId)
          if (found.length !== count) {
            const names = found.map(({ service, name }) => `${service}: ${name}`).join('; ')
            throw new Error(`${found.length} spans and not ${count} in ${traceId}: ${names}`)
          }
          return found
        },
        { withinMs: 10_000 },
      ),
    setStatus: (next) => void (status = next),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const REQUEST = protobuf.parse(DEFINITION).root.lookupType('ExportTraceServiceRequest')

/** What {@link DEFINITION} becomes in JavaScript; 64 bits as text. */
interface Decoded {
  resourceSpans: {
    resource: { attributes: KeyValue[] }
    scopeSpans: { spans: DecodedSpan[] }[]
  }[]
}

interface DecodedSpan {
  traceId: Buffer
  spanId: Buffer
  parentSpanId: Buffer
  traceState: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: KeyValue[]
  status: { code: number } | null
}

interface KeyValue {
  key: string
  value: Record<string, unknown> & { value: string }
}

function decode(bytes: Uint8Array): ReceivedSpan[] {
  const options = { longs: String, bytes: Buffer, defaults: true, arrays: true, oneofs: true }
  const { resourceSpans } = REQUEST.toObject(REQUEST.decode(bytes), options) as Decoded
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const { 'service.name': service, 'service.instance.id': instance } = record(resource.attributes)
    const sender = { service: String(service), instance: String(instance) }
    return scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ ...sender, ...read(span) })))
  })
}

const read = (span: DecodedSpan): Omit<ReceivedSpan, 'service' | 'instance'> => ({
  traceId: span.traceId.toString('hex'),
  spanId: span.spanId.toString('hex'),
  parentSpanId: span.parentSpanId.toString('hex'),
  traceState: span.traceState,
  name: span.name,
  kind: KINDS[span.kind] ?? String(span.kind),
  attributes: record(span.attributes),
  isFailed: span.status?.code === STATUS_ERROR,
  durationNs: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)),
})

const record = (pairs: readonly KeyValue[]): Record<string, unknown> =>
  Object.fromEntries(
    pairs.map(({ key, value }) => {
      const found = value[value.value]
      return [key, value.value === 'intValue' ? Number(found) : found]
    }),
  )

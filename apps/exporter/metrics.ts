/**
 * What is shown of the nats-servers. `server` is the host and port that was asked; streams and
 * consumers are told by whichever server leads them, so that each is there once.
 */
import { createRegistry } from '#libs/metrics/registry.ts'

const SERVER = { server: { open: 'host and port of its monitoring' } } as const
const STREAM = { stream: { open: 'the name of the stream' } } as const
const CONSUMER = {
  ...STREAM,
  consumer: { open: "the name of a durable consumer, a webhook's as a rule" },
} as const
const DIRECTED = { ...SERVER, direction: ['in', 'out'] } as const

/** What {@link createMetrics} makes. */
export type ExporterMetrics = ReturnType<typeof createMetrics>

/** Fresh metrics in a registry of their own. */
export function createMetrics() {
  const registry = createRegistry('exporter', 'xmidt_nats')
  return {
    registry,
    ...createServers(registry),
    ...createStreams(registry),
    ...createConsumers(registry),
  }
}

type Registry = ReturnType<typeof createRegistry>

function createServers(registry: Registry) {
  const gauge = (name: string, help: string) => registry.gauge(name, help, SERVER)
  return {
    up: gauge('server_up', '1 while the server answers.'),
    refusesWrites: gauge(
      'server_writes_refused',
      '1 while a stream of it refuses since a write failed (disk full): until the server is restarted.',
    ),
    started: gauge('server_start_time_seconds', 'When it started, in seconds since 1970.'),
    cpu: gauge('server_cpu_cores', 'CPU that it uses, in cores.'),
    memory: gauge('server_memory_bytes', 'Memory that it has.'),
    connections: gauge('server_connections', 'Connections of clients.'),
    connectionsMax: gauge('server_connections_max', 'How many it takes.'),
    subscriptions: gauge('server_subscriptions', 'Subscriptions; each device at a Talaria is one.'),
    routes: gauge('server_routes', 'Connections to other servers of its cluster.'),
    certificateExpiry: gauge(
      'server_certificate_expiry_timestamp_seconds',
      'When its TLS certificate for clients runs out, in seconds since 1970; absent without TLS.',
    ),
    slowConsumers: registry.counter(
      'server_slow_consumers_total',
      'Clients cut off as they did not read fast enough.',
      SERVER,
    ),
    messages: registry.counter(
      'server_messages_total',
      'Messages of clients and routes.',
      DIRECTED,
    ),
    bytes: registry.counter('server_bytes_total', 'Their bytes.', DIRECTED),
    storage: gauge('jetstream_storage_bytes', 'What JetStream has on disk.'),
    storageMax: gauge('jetstream_storage_bytes_max', 'What JetStream may have on disk.'),
    apiRequests: registry.counter('jetstream_requests_total', 'Requests to JetStream.', SERVER),
    apiErrors: registry.counter(
      'jetstream_requests_failed_total',
      'Requests that JetStream answered with an error.',
      SERVER,
    ),
  }
}

function createStreams(registry: Registry) {
  const gauge = (name: string, help: string) => registry.gauge(name, help, STREAM)
  return {
    streamMessages: gauge('stream_messages', 'Messages in the stream.'),
    streamBytes: gauge('stream_bytes', 'Bytes in the stream.'),
    streamBytesMax: gauge('stream_bytes_max', 'Its cap; absent without one.'),
    streamAgeMax: gauge(
      'stream_age_max_seconds',
      'How long it keeps a message; absent if for ever.',
    ),
    streamOldest: gauge(
      'stream_oldest_timestamp_seconds',
      'When its oldest message came, in seconds since 1970; absent while it is empty.',
    ),
    streamFirst: gauge('stream_first_sequence', 'The sequence of its oldest message.'),
    streamLast: gauge('stream_last_sequence', 'The sequence of its newest message.'),
    streamConsumers: gauge('stream_consumers', 'Its consumers, those of watchers among them.'),
    streamReplicasBehind: gauge(
      'stream_replicas_behind',
      'Replicas that are not current or not there; with one replica always 0.',
    ),
  }
}

function createConsumers(registry: Registry) {
  const gauge = (name: string, help: string) => registry.gauge(name, help, CONSUMER)
  return {
    consumerPending: gauge('consumer_pending', 'Messages that it has not delivered yet.'),
    consumerAckPending: gauge(
      'consumer_ack_pending',
      'Messages delivered and not acknowledged: in hand, or waiting for a retry.',
    ),
    consumerRedelivered: gauge('consumer_redelivered', 'Of those, delivered more than once.'),
    consumerAckFloor: gauge(
      'consumer_ack_floor_sequence',
      "The stream's sequence up to which all is acknowledged.",
    ),
  }
}

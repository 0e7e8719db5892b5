/** Everything that Parodus counts. */
import { createFaultsCounter, type Faults } from '#libs/lifecycle/faults.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { createTraceMetrics } from '#libs/trace/metrics.ts'

/** What was being done when something unexpected ended it. */
const FAULTS = ['fabric-message', 'local-message', 'keep-alive'] as const

/** Takes Parodus' faults. */
export type ParodusFaults = Faults<(typeof FAULTS)[number]>

/** What {@link createMetrics} makes. */
export type ParodusMetrics = ReturnType<typeof createMetrics>

/** Fresh metrics in a registry of their own. */
export function createMetrics() {
  const registry = createRegistry('parodus')
  return {
    registry,
    trace: createTraceMetrics(registry),
    faults: createFaultsCounter(registry, FAULTS),
    isConnected: registry.gauge('connected', '1 while connected to a Talaria.'),
    connects: registry.counter('connects_total', 'Attempts to connect.', {
      outcome: ['connected', 'refused', 'failed', 'credential'],
    }),
    disconnects: registry.counter('disconnects_total', 'Connections that ended.', {
      reason: ['closed', 'ping-missed', 'stopped'],
    }),
    sent: registry.counter('messages_sent_total', 'Messages sent to the fabric.'),
    received: registry.counter('messages_received_total', 'Messages of the fabric.', {
      outcome: ['delivered', 'answered', 'undelivered', 'malformed'],
    }),
    local: registry.counter('local_messages_total', 'Messages of local services.', {
      outcome: ['taken', 'registered', 'malformed', 'ignored', 'fault'],
    }),
    dropped: registry.counter('messages_dropped_total', 'Messages that never reached the fabric.', {
      reason: ['queue-full', 'expired', 'offline', 'too-large'],
    }),
    queued: registry.gauge(
      'messages_queued',
      'Messages that wait for the fabric or its acknowledgement.',
    ),
    services: registry.gauge('services', 'Local services that are registered.'),
  }
}

/** Everything that Scytale counts. No label takes a value from outside. */
import { createKeysGauge } from '#libs/auth/keys-watch.ts'
import { createRememberedCounter } from '#libs/auth/remembered.ts'
import { createFaultsCounter, type Faults } from '#libs/lifecycle/faults.ts'
import { createDroppedCounter } from '#libs/http/connections.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { createConnectionMetrics } from '#libs/nats/connection/connection-metrics.ts'
import { createTraceMetrics } from '#libs/trace/metrics.ts'

/** Why a request was refused before anything was sent to a device. */
const REFUSALS = [
  'endpoint-unknown',
  'method-unsupported',
  'overloaded',
  'ending',
  'credentials',
  'keys-unavailable',
  'partners-missing',
  'capability-missing',
  'partners-foreign',
  'body-too-large',
  'body-cut',
  'format-unsupported',
  'message-invalid',
  'device-id-invalid',
] as const
/** One of {@link REFUSALS}. */
export type RefusalReason = (typeof REFUSALS)[number]

/** What was being done when something unexpected ended it. */
const FAULTS = ['reply', 'ping'] as const

/** Takes Scytale's faults. */
export type ScytaleFaults = Faults<(typeof FAULTS)[number]>

const ROUTES = ['send', 'stat', 'other'] as const
const KINDS = ['command', 'stat'] as const

/** What became of a command; of a request for statistics too. */
const COMMAND_OUTCOMES = [
  'answered',
  'refused',
  'no-responders',
  'unsettled',
  'no-receipt',
  'timed-out',
  'disconnected',
  'given-up',
  'aborted',
] as const

/** From a device on the same network to one that needs its whole time. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]

/** What {@link createMetrics} makes. */
export type ScytaleMetrics = ReturnType<typeof createMetrics>

/** Fresh metrics in a registry of their own. */
export function createMetrics() {
  const registry = createRegistry('scytale')
  return {
    registry,
    trace: createTraceMetrics(registry),
    faults: createFaultsCounter(registry, FAULTS),
    connectionsDropped: createDroppedCounter(registry),
    requests: registry.counter('requests_total', 'Requests answered.', {
      route: ROUTES,
      code: { open: 'the HTTP status' },
    }),
    requestSeconds: registry.histogram(
      'request_duration_seconds',
      'From the head of a request to its answer.',
      SECONDS,
      { route: ROUTES },
    ),
    requestsInFlight: registry.gauge('requests_in_flight', 'Requests that are under way now.'),
    refusals: registry.counter(
      'requests_refused_total',
      'Requests refused before anything was sent to a device.',
      { reason: REFUSALS },
    ),
    monitored: registry.counter(
      'checks_monitored_total',
      'Checks that failed and were passed over as they are only monitored.',
      { reason: ['capability-missing', 'partners-foreign'] },
    ),
    commands: registry.counter('commands_total', 'What was sent to devices.', {
      kind: KINDS,
      outcome: COMMAND_OUTCOMES,
    }),
    silences: registry.counter(
      'commands_silent_total',
      'Commands that a Talaria did not take, or that nothing was heard of, by whether it was proved that none took them.',
      { outcome: ['untaken', 'unknown'] },
    ),
    commandSeconds: registry.histogram(
      'command_duration_seconds',
      'From the publishing of a command to its outcome.',
      SECONDS,
      { kind: KINDS },
    ),
    askedAgain: registry.counter(
      'commands_asked_again_total',
      'Commands sent again as they had reached nobody, to know that or to find the device.',
    ),
    looks: registry.counter(
      'looks_total',
      'Pings to all Talarias, whether all their subscriptions are in place.',
      { outcome: ['settled', 'unsettled'] },
    ),
    answersUnreadable: registry.counter(
      'answers_unreadable_total',
      "Devices' answers that are no WRP, so that the caller's format could not be made.",
    ),
    keysAvailable: createKeysGauge(registry),
    tokens: createRememberedCounter(registry),
    connections: createConnectionMetrics(registry, ['scytale']),
  }
}

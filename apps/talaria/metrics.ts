/** Everything that Talaria counts. No label takes a value from outside. */
import { createKeysGauge } from '#libs/auth/keys-watch.ts'
import { createRememberedCounter } from '#libs/auth/remembered.ts'
import { createFaultsCounter, type Faults } from '#libs/lifecycle/faults.ts'
import { createDroppedCounter } from '#libs/http/connections.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { createConnectionMetrics } from '#libs/nats/connection/connection-metrics.ts'
import { EVENT_STREAMS, EVENTS_LOW_STREAM } from '#libs/nats/stream/event-streams.ts'
import { createStreamsGauge } from '#libs/nats/stream/streams-watch.ts'
import { SESSIONS_BUCKET } from '#libs/nats/bucket/sessions.ts'
import { TALARIA_SUBJECT_KINDS } from '#libs/nats/subjects.ts'
import { TALARIAS_BUCKET } from '#libs/nats/bucket/talarias.ts'
import { createTraceMetrics } from '#libs/trace/metrics.ts'
import {
  CLOSES,
  CONNECT_REFUSALS,
  DOWNLINK_REFUSALS,
  FAULTS,
  type FaultKind,
  READING_PAUSES,
  STORE_FAULTS,
  TOLD_FOR,
  UPLINK_DROPS,
} from './reasons.ts'

/** Talaria's two connections to NATS, by the names that nats-server lists. */
const CONNECTIONS = ['talaria-commands', 'talaria-events'] as const

/** From a stream on the same host to one that elects a leader. */
const STORE_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** What Talaria uses. */
export const STREAMS = [...EVENT_STREAMS, `KV_${TALARIAS_BUCKET}`, `KV_${SESSIONS_BUCKET}`] as const

/** What need not be there before anything is promised, as nothing of it is promised. */
export const SPARED_STREAMS = [EVENTS_LOW_STREAM] as const

/** Takes Talaria's faults. */
export type TalariaFaults = Faults<FaultKind>

/** What {@link createMetrics} makes. */
export type TalariaMetrics = ReturnType<typeof createMetrics>

/** Fresh metrics in a registry of their own. */
export function createMetrics() {
  const registry = createRegistry('talaria')
  return {
    registry,
    trace: createTraceMetrics(registry),
    faults: createFaultsCounter(registry, FAULTS),
    connectionsDropped: createDroppedCounter(registry),
    ...createDoor(registry),
    ...createUplink(registry),
    ...createDownlink(registry),
    ...createPresence(registry),
    keysAvailable: createKeysGauge(registry),
    tokens: createRememberedCounter(registry),
    streamMissing: createStreamsGauge(registry, STREAMS),
    connections: createConnectionMetrics(registry, CONNECTIONS),
  }
}

type Registry = ReturnType<typeof createRegistry>

function createDoor(registry: Registry) {
  return {
    devices: registry.gauge('devices', 'Devices that are connected now.'),
    connects: registry.counter('connects_total', 'Devices that connected.'),
    refusals: registry.counter('connects_refused_total', 'Connects that were refused.', {
      reason: CONNECT_REFUSALS,
    }),
    refusalsHeld: registry.counter(
      'refusals_held_total',
      'Refusals held back, as the device had been refused just before or its key is not known.',
    ),
    disconnects: registry.counter('disconnects_total', 'Connections that ended.', {
      reason: CLOSES,
    }),
    takeovers: registry.counter('takeovers_total', "Others' sessions heard of.", {
      outcome: ['closed-mine', 'kept-mine', 'malformed'],
    }),
    pings: registry.counter('pings_total', 'Pings sent.'),
    isGateOpen: registry.gauge('gate_open', '1 while devices are let in.'),
    operatorRequests: registry.counter(
      'operator_requests_total',
      "Operators' requests over NATS.",
      {
        kind: [...TALARIA_SUBJECT_KINDS, 'unknown'],
        outcome: ['done', 'refused'],
      },
    ),
  }
}

function createUplink(registry: Registry) {
  return {
    eventsStored: registry.counter('events_stored_total', 'Events that JetStream has.', {
      kind: ['device', 'presence'],
    }),
    eventSeconds: registry.histogram(
      'event_store_duration_seconds',
      "From the publishing of an event to JetStream's acknowledgement.",
      STORE_SECONDS,
    ),
    eventFailures: registry.counter(
      'event_store_failures_total',
      'Publishes of events without an acknowledgement; tried again, or given up and dropped.',
    ),
    storeFault: registry.gauge(
      'store_fault',
      '1 while no event is stored in a stream, for five seconds at least; writes-refused until nats-server is restarted.',
      { stream: EVENT_STREAMS, reason: STORE_FAULTS },
    ),
    eventRetries: registry.counter('event_retries_total', 'Events published again.'),
    eventsInFlight: registry.gauge('events_in_flight', 'Events that await their storing.'),
    readingPauses: registry.counter(
      'reading_pauses_total',
      'Devices not read from for a while: events await their storing, or the device used too much.',
      { reason: READING_PAUSES },
    ),
    acknowledgements: registry.counter(
      'acknowledgements_total',
      'Acknowledgements to devices; not-stored tells them to send again.',
      { outcome: ['stored', 'not-stored'] },
    ),
    lowFloods: registry.counter(
      'low_qos_floods_total',
      'Devices that within a minute sent so much of low qos that it would fill 1 GiB in six hours; the log names the worst.',
    ),
    uplinkDrops: registry.counter(
      'frames_dropped_total',
      'Frames of devices dropped while the connection is kept.',
      { reason: UPLINK_DROPS },
    ),
  }
}

function createPresence(registry: Registry) {
  return {
    sessionsUnsettled: registry.gauge(
      'sessions_unsettled',
      'Sessions whose entry or presence events are being stored or wait for it.',
    ),
    sessionFailures: registry.counter(
      'session_store_failures_total',
      'Attempts to store the entry or a presence event of a session that failed and come again.',
    ),
    sessionsTold: registry.counter(
      'sessions_told_total',
      'Sessions of a Talaria that went without a goodbye, told offline by this one.',
      { reason: TOLD_FOR },
    ),
    sessionsLeft: registry.counter(
      'sessions_left_total',
      'Ended sessions taken out of memory untold, as too many wait; from-entry are told later by ' +
        'their entries, untold never had one and so no event at all.',
      { reason: ['from-entry', 'untold'] },
    ),
  }
}

function createDownlink(registry: Registry) {
  return {
    commands: registry.counter('commands_total', 'Commands that reached a device.', {
      outcome: ['written', 'answered', 'timed-out', 'device-closed'],
    }),
    receipts: registry.counter('receipts_total', 'Receipts sent for commands still at work.'),
    callersMonitored: registry.counter(
      'callers_monitored_total',
      "Requests of callers of other partners than the device's that were let through, as it is only monitored.",
    ),
    downlinkRefusals: registry.counter(
      'commands_refused_total',
      'What was for a device and did not reach it or had no answer.',
      { reason: DOWNLINK_REFUSALS },
    ),
  }
}

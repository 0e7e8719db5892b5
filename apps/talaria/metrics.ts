/** Everything that Talaria counts. No label takes a value from outside. */
import { Counter, Gauge, Histogram } from 'prom-client'
import { createRegistry, type Registry } from '#libs/metrics/registry.ts'

/** Why a connect was refused. */
export type RefusalReason =
  | 'gate-closed'
  | 'overloaded'
  | 'devices-max'
  | 'device-name-missing'
  | 'device-name-invalid'
  | 'token-missing'
  | 'token-invalid'
  | 'token-expired'
  | 'scheme-unsupported'
  | 'keys-unavailable'
  | 'device-mismatch'
  | 'path-unknown'

/** Why a connection ended. */
export type CloseReason =
  | 'readerror'
  | 'write-error'
  | 'idle'
  | 'duplicate'
  | 'drained'
  | 'too-large'
  | 'shutdown'

/** Why something that a device sent went no further. */
export type UplinkDropReason =
  | 'text-frame'
  | 'malformed'
  | 'source-missing'
  | 'source-foreign'
  | 'type-unsupported'
  | 'transaction-unknown'
  | 'dest-unroutable'
  | 'event-type-invalid'
  | 'too-large'
  | 'window-full'
  | 'not-stored'

/** Why something for a device did not reach it, or had no answer. */
export type DownlinkRefusalReason =
  | 'too-late'
  | 'malformed'
  | 'dest-foreign'
  | 'partner-foreign'
  | 'transaction-missing'
  | 'transaction-duplicate'
  | 'queue-full'
  | 'deadline'
  | 'device-closed'
  | 'device-gone'
  | 'subject-unknown'
  | 'acknowledgement-lost'

/** Talaria's metrics and the registry that they are in. */
export interface TalariaMetrics {
  registry: Registry
  devices: Gauge
  connects: Counter
  refusals: Counter<'reason'>
  disconnects: Counter<'reason'>
  /** Others' sessions heard of: closed-mine, kept-mine or malformed. */
  takeovers: Counter<'outcome'>
  eventsStored: Counter<'kind'>
  eventSeconds: Histogram
  eventRetries: Counter
  eventsInFlight: Gauge
  readingPauses: Counter
  acknowledgements: Counter<'outcome'>
  uplinkDrops: Counter<'reason'>
  presenceDrops: Counter<'reason'>
  commands: Counter<'outcome'>
  receipts: Counter
  downlinkRefusals: Counter<'reason'>
  pings: Counter
  isGateOpen: Gauge
}

/** From a stream on the same host to one that elects a leader. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Fresh metrics in a registry of their own. */
export function createMetrics(): TalariaMetrics {
  const registry = createRegistry()
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]): Counter<L> =>
    new Counter({ name, help, labelNames, registers })
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers })
  return {
    registry,
    devices: gauge('talaria_devices', 'Devices that are connected now.'),
    connects: counter('talaria_connects_total', 'Devices that connected.'),
    refusals: counter('talaria_connect_refusals_total', 'Connects refused, by reason.', 'reason'),
    disconnects: counter('talaria_disconnects_total', 'Connections that ended.', 'reason'),
    takeovers: counter('talaria_takeovers_total', "Others' sessions heard of.", 'outcome'),
    eventsStored: counter('talaria_events_stored_total', 'Events that JetStream has.', 'kind'),
    eventSeconds: new Histogram({
      name: 'talaria_event_store_duration_seconds',
      help: "From the publishing of an event to JetStream's acknowledgement.",
      buckets: SECONDS,
      registers,
    }),
    eventRetries: counter('talaria_event_retries_total', 'Events published again.'),
    eventsInFlight: gauge('talaria_events_in_flight', 'Events that await their storing.'),
    readingPauses: counter('talaria_reading_pauses_total', 'Devices not read from for a while.'),
    acknowledgements: counter(
      'talaria_acknowledgements_total',
      'Acknowledgements to devices: stored, or not (rdr other than 0).',
      'outcome',
    ),
    uplinkDrops: counter(
      'talaria_frames_dropped_total',
      'Frames of devices dropped while the connection is kept.',
      'reason',
    ),
    presenceDrops: counter(
      'talaria_presence_drops_total',
      'Online and offline events that could not be stored.',
      'reason',
    ),
    commands: counter('talaria_commands_total', 'Commands that reached a device.', 'outcome'),
    receipts: counter('talaria_receipts_total', 'Receipts sent for commands still at work.'),
    downlinkRefusals: counter(
      'talaria_downlink_refusals_total',
      'What was for a device and did not reach it or had no answer, by reason.',
      'reason',
    ),
    pings: counter('talaria_pings_total', 'Pings sent.'),
    isGateOpen: gauge('talaria_gate_open', 'Whether devices are let in: 1 or 0.'),
  }
}

/** All metrics of Talaria. */
import { Counter, Gauge, Histogram } from 'prom-client'
import type { Registry } from '#libs/metrics/registry.ts'

/** The metrics, made once for each registry. */
export function talariaMetrics(registry: Registry) {
  const registers = [registry]
  const counter = <const L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter({ name, help, labelNames, registers })
  return {
    devices: new Gauge({ name: 'talaria_devices', help: 'Devices that are connected.', registers }),
    connected: counter('talaria_devices_connected_total', 'Connections that were taken.'),
    disconnected: counter(
      'talaria_devices_disconnected_total',
      'Connections that ended, by reason.',
      ['reason'],
    ),
    refused: counter(
      'talaria_upgrades_refused_total',
      'Connections that were refused, by reason.',
      ['reason'],
    ),
    frames: counter(
      'talaria_frames_received_total',
      'WRP frames that devices sent, by message type.',
      ['type'],
    ),
    framesDropped: counter(
      'talaria_frames_dropped_total',
      'Frames that were dropped and the connection kept, by reason: text, malformed, source, type, dest, transaction, window-full, not-stored.',
      ['reason'],
    ),
    events: counter('talaria_events_stored_total', 'Events that JetStream has.'),
    eventRetries: counter('talaria_event_retries_total', 'Publishes of an event beyond the first.'),
    eventSeconds: new Histogram({
      name: 'talaria_event_store_seconds',
      help: 'From an event read to the acknowledgement of JetStream.',
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 5, 30],
      registers,
    }),
    acknowledged: counter('talaria_events_acknowledged_total', 'Acknowledgements sent to devices.'),
    eventsInFlight: new Gauge({
      name: 'talaria_events_in_flight',
      help: 'Events that wait for JetStream.',
      registers,
    }),
    commands: counter(
      'talaria_commands_total',
      'Commands for devices, by outcome: answered, sent, late, malformed, duplicate, queue-full, timed-out, closed.',
      ['outcome'],
    ),
    receipts: counter(
      'talaria_receipts_total',
      'Receipts for commands whose device was still at work.',
    ),
    takeovers: counter(
      'talaria_takeovers_total',
      'Connections closed as a newer one exists, by where: here, elsewhere.',
      ['where'],
    ),
    pings: counter('talaria_pings_total', 'Pings sent to devices.'),
    isGateOpen: new Gauge({
      name: 'talaria_gate_open',
      help: '1 while devices are let in.',
      registers,
    }),
  }
}

/** What {@link talariaMetrics} makes. */
export type TalariaMetrics = ReturnType<typeof talariaMetrics>

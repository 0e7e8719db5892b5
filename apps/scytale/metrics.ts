/** Everything that Scytale counts. No label takes a value from outside. */
import { Counter, Gauge, Histogram } from 'prom-client'
import { createRegistry, type Registry } from '#libs/metrics/registry.ts'

/** Why a request was refused before anything was sent to a device. */
export type RefusalReason =
  | 'endpoint-unknown'
  | 'method-unsupported'
  | 'overloaded'
  | 'credentials'
  | 'keys-unavailable'
  | 'partners-missing'
  | 'capability-missing'
  | 'partners-foreign'
  | 'body-too-large'
  | 'format-unsupported'
  | 'message-invalid'
  | 'device-id-invalid'

/** Scytale's metrics and the registry that they are in. */
export interface ScytaleMetrics {
  registry: Registry
  requests: Counter<'route' | 'code'>
  requestSeconds: Histogram<'route'>
  requestsInFlight: Gauge
  refusals: Counter<'reason'>
  monitored: Counter<'reason'>
  commands: Counter<'kind' | 'outcome'>
  commandSeconds: Histogram<'kind'>
  answersUnreadable: Counter
}

/** From a device on the same network to one that needs its whole time. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]

/** Fresh metrics in a registry of their own. */
export function createMetrics(): ScytaleMetrics {
  const registry = createRegistry()
  const registers = [registry]
  return {
    registry,
    requests: new Counter({
      name: 'scytale_requests_total',
      help: 'Requests answered, by route and HTTP status.',
      labelNames: ['route', 'code'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'scytale_request_duration_seconds',
      help: 'From the head of a request to its answer.',
      labelNames: ['route'],
      buckets: SECONDS,
      registers,
    }),
    requestsInFlight: new Gauge({
      name: 'scytale_requests_in_flight',
      help: 'Requests that are under way now.',
      registers,
    }),
    refusals: new Counter({
      name: 'scytale_refusals_total',
      help: 'Requests refused before anything was sent to a device, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    monitored: new Counter({
      name: 'scytale_monitored_failures_total',
      help: 'Checks that failed and were passed over as they are only monitored, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    commands: new Counter({
      name: 'scytale_commands_total',
      help: 'What became of what was sent to devices, by kind and outcome.',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    commandSeconds: new Histogram({
      name: 'scytale_command_duration_seconds',
      help: 'From the publishing of a command to its outcome.',
      labelNames: ['kind'],
      buckets: SECONDS,
      registers,
    }),
    answersUnreadable: new Counter({
      name: 'scytale_answers_unreadable_total',
      help: "Devices' answers that are no WRP, so that the caller's format could not be made.",
      registers,
    }),
  }
}

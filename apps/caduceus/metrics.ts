/** Everything that Caduceus counts. No label is a URL, a webhook or a device: those have no bound. */
import { Counter, Gauge, Histogram } from 'prom-client'
import { createRegistry, type Registry } from '#libs/metrics/registry.ts'

/** Upper bounds of an attempt's seconds: from a receiver next door to the longest timeout. */
const ATTEMPT_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120]

/** The metrics of one running Caduceus. */
export type Metrics = ReturnType<typeof createMetrics>

/** Makes the metrics in a registry of their own. */
export function createMetrics(registry: Registry = createRegistry()) {
  const counter = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
    new Counter({ name: `caduceus_${name}_total`, help, labelNames, registers: [registry] })
  return {
    registry,
    registrations: counter('registrations', 'Registrations by what became of them.', ['outcome']),
    notifications: counter('notifications', 'Events at the intake by what became of them.', [
      'outcome',
    ]),
    events: counter('events', 'Events read for a webhook, by whether they were meant for it.', [
      'outcome',
    ]),
    attempts: counter('attempts', 'POSTs to receivers by outcome.', ['outcome']),
    retries: counter('retries', 'Deliveries put off for a later attempt, by reason.', ['reason']),
    deadLetters: counter('dead_letters', 'Deliveries given up and kept as dead letters.', [
      'reason',
    ]),
    cutOffs: counter('cut_offs', 'Webhooks whose delivery was ended or that fell behind.', [
      'reason',
    ]),
    dropped: counter('events_dropped', 'Events that a webhook will not get, by reason.', [
      'reason',
    ]),
    headersLeftOut: counter('headers_left_out', 'Header lines of an event that found no room.'),
    failureNotices: counter('failure_notices', 'Notices to failure URLs by outcome.', ['outcome']),
    attemptSeconds: new Histogram({
      name: 'caduceus_attempt_seconds',
      help: 'How long attempts take.',
      buckets: ATTEMPT_SECONDS,
      registers: [registry],
    }),
    webhooks: new Gauge({
      name: 'caduceus_webhooks_count',
      help: 'Webhooks that are registered and not expired.',
      registers: [registry],
    }),
    attemptsRunning: new Gauge({
      name: 'caduceus_attempts_running_count',
      help: 'POSTs that wait for their response.',
      registers: [registry],
    }),
  }
}

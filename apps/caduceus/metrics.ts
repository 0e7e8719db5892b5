/** Everything that Caduceus counts. No label is a URL or a device: those have no bound. */
import { createKeysGauge } from '#libs/auth/keys-watch.ts'
import { createRememberedCounter } from '#libs/auth/remembered.ts'
import { createFaultsCounter, type Faults } from '#libs/lifecycle/faults.ts'
import { createBooks, EVENT_STATES, type EventCounts } from './delivery/books.ts'
import { createDroppedCounter } from '#libs/http/connections.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { createConnectionMetrics } from '#libs/nats/connection/connection-metrics.ts'
import { EVENT_STREAMS, EVENTS_LOW_STREAM } from '#libs/nats/stream/event-streams.ts'
import { createStreamsGauge } from '#libs/nats/stream/streams-watch.ts'
import { createTraceMetrics } from '#libs/trace/metrics.ts'
import {
  ATTEMPT_OUTCOMES,
  DEAD_LETTER_REASONS,
  FAILURES,
  FAULTS,
  NOTIFICATION_OUTCOMES,
  REGISTRATION_OUTCOMES,
  RETENTION_REASONS,
} from './reasons.ts'
import { WEBHOOK_STATE_BUCKET } from './webhook-state.ts'
import { WEBHOOKS_BUCKET } from './webhook.ts'

/** Takes Caduceus' faults. */
export type CaduceusFaults = Faults<(typeof FAULTS)[number]>

/** Upper bounds of an attempt's seconds: from a receiver next door to the longest timeout. */
const ATTEMPT_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120]

/** What Caduceus uses. */
export const STREAMS = [
  ...EVENT_STREAMS,
  'DEAD_LETTERS',
  `KV_${WEBHOOKS_BUCKET}`,
  `KV_${WEBHOOK_STATE_BUCKET}`,
] as const

/** What need not be there before anything is promised, as nothing of it is promised. */
export const SPARED_STREAMS = [EVENTS_LOW_STREAM] as const

/** The connections that events come by. */
export const PULL_CONNECTIONS = ['caduceus-events-a', 'caduceus-events-b'] as const

/** The metrics of one running Caduceus. */
export type Metrics = ReturnType<typeof createMetrics>

/** What a webhook's consumer owes, as NATS said when it was last looked at. */
export interface Standing {
  /** Events that were never given out. */
  backlogCount: number
  /** When the oldest event came that is not acknowledged, milliseconds since 1970. */
  oldestAtMs: number | undefined
}

/** What is shown of each webhook when somebody looks at the metrics. */
export interface WebhookFigures {
  standings(): ReadonlyMap<string, Standing>
  countsOf(webhookId: string): EventCounts
  deadLetterCountOf(webhookId: string): number
}

const NO_FIGURES: WebhookFigures = {
  standings: () => new Map(),
  countsOf: () => createBooks().countsOf(''),
  deadLetterCountOf: () => 0,
}

/** Fresh metrics in a registry of their own. */
export function createMetrics(figures: WebhookFigures = NO_FIGURES) {
  const registry = createRegistry('caduceus')
  createOfEachWebhook(registry, figures)
  createDeadLetterGauge(registry, figures)
  return {
    registry,
    trace: createTraceMetrics(registry),
    faults: createFaultsCounter(registry, FAULTS),
    connectionsDropped: createDroppedCounter(registry),
    ...createWebhooks(registry),
    ...createDeliveries(registry),
    keysAvailable: createKeysGauge(registry),
    tokens: createRememberedCounter(registry),
    streamMissing: createStreamsGauge(registry, STREAMS),
    connections: createConnectionMetrics(registry, ['caduceus', ...PULL_CONNECTIONS]),
  }
}

type Registry = ReturnType<typeof createRegistry>

function createWebhooks(registry: Registry) {
  return {
    registrations: registry.counter('registrations_total', 'Registrations.', {
      outcome: REGISTRATION_OUTCOMES,
    }),
    notifications: registry.counter('notifications_total', 'Events at the intake.', {
      outcome: NOTIFICATION_OUTCOMES,
    }),
    webhooks: registry.gauge('webhooks', 'Webhooks that are registered and not expired.'),
    webhooksFailing: registry.gauge(
      'webhooks_failing',
      'Webhooks that only fail and so have fewer deliveries at once than others.',
    ),
    webhooksUnreadable: registry.gauge(
      'webhooks_unreadable',
      'Entries of the bucket WEBHOOKS that cannot be read: nothing is delivered, their consumers stay.',
    ),
    webhooksWrittenBack: registry.counter(
      'webhooks_written_back_total',
      'Webhooks that the bucket had lost, written back by this instance.',
    ),
    cutOffs: registry.counter(
      'webhook_cut_offs_total',
      'Webhooks whose delivery was ended or that fell behind.',
      {
        reason: ['backlog', 'expired', 'unusable', 'consumer-missing', 'consumer-taken', 'orphan'],
      },
    ),
    failureNotices: registry.counter('failure_notices_total', 'Notices to failure URLs.', {
      outcome: ATTEMPT_OUTCOMES,
    }),
  }
}

const WEBHOOK = { open: 'the id of the registration' }

/** Series of webhooks that are gone are gone as well. */
function createOfEachWebhook(registry: Registry, figures: WebhookFigures): void {
  registry.gauge(
    'webhook_events',
    'Events of a webhook by where they are; matched is the sum of the others. Those that this instance took since it started: delivered, pending (in hand), dead (dead letters); those that wait for a retry, whoever tried them; and expired, which retention took before and which this instance told.',
    { webhook: WEBHOOK, state: EVENT_STATES },
    (gauge) => {
      gauge.reset()
      for (const webhook of figures.standings().keys()) {
        const counts = figures.countsOf(webhook)
        for (const state of EVENT_STATES) gauge.set({ webhook, state }, counts[state])
      }
    },
  )
  registry.gauge(
    'webhook_backlog_events',
    'Events in the stream that a webhook was never given, whether or not its patterns match; the same in every instance.',
    { webhook: WEBHOOK },
    (gauge) => {
      gauge.reset()
      for (const [webhook, { backlogCount }] of figures.standings()) {
        gauge.set({ webhook }, backlogCount)
      }
    },
  )
  registry.gauge(
    'webhook_oldest_seconds',
    'How old the oldest event is that a webhook has not acknowledged, 0 when there is none; the same in every instance.',
    { webhook: WEBHOOK },
    (gauge) => {
      gauge.reset()
      const nowMs = Date.now()
      for (const [webhook, { oldestAtMs = nowMs }] of figures.standings()) {
        gauge.set({ webhook }, Math.max(0, nowMs - oldestAtMs) / 1_000)
      }
    },
  )
}

function createDeadLetterGauge(registry: Registry, figures: WebhookFigures): void {
  registry.gauge(
    'webhook_dead_letters',
    'Dead letters of a webhook that are kept; at 1000 its oldest go. The same in every instance.',
    { webhook: WEBHOOK },
    (gauge) => {
      gauge.reset()
      for (const webhook of figures.standings().keys()) {
        gauge.set({ webhook }, figures.deadLetterCountOf(webhook))
      }
    },
  )
}

function createDeliveries(registry: Registry) {
  return {
    events: registry.counter(
      'events_total',
      'Events read for a webhook: meant for it, or passed by for its partner, event or device, or as its patterns would take too long.',
      { outcome: ['matched', 'partner', 'event', 'device', 'overrun'] },
    ),
    attempts: registry.counter('attempts_total', 'POSTs to receivers.', {
      outcome: ATTEMPT_OUTCOMES,
    }),
    attemptSeconds: registry.histogram(
      'attempt_duration_seconds',
      'From the start of an attempt to the end of its response.',
      ATTEMPT_SECONDS,
    ),
    bytesLent: registry.gauge(
      'event_bytes_lent',
      'Room for large events that is lent to webhooks, in bytes.',
    ),
    attemptsInFlight: registry.gauge('attempts_in_flight', 'POSTs that wait for their response.'),
    retries: registry.counter('delivery_retries_total', 'Deliveries put off for a later attempt.', {
      reason: [...FAILURES, 'dead-letter-unavailable', 'count-unavailable'],
    }),
    deadLetters: registry.counter(
      'dead_letters_total',
      'Deliveries given up and kept as dead letters.',
      { reason: DEAD_LETTER_REASONS },
    ),
    deadLettersCut: registry.counter(
      'dead_letters_cut_total',
      'Dead letters kept without their payload, as their owner has too many bytes of them.',
    ),
    dropped: registry.counter('events_dropped_total', 'Events that a webhook will not get.', {
      reason: [...Object.values(RETENTION_REASONS), 'expired', 'match-overrun'],
    }),
    headersLeftOut: registry.counter(
      'header_lines_dropped_total',
      'Header lines of an event that found no room.',
    ),
  }
}

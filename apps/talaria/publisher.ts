/** Events on their way into JetStream: a bounded number at once, and retries for those that matter. */
import type { JetStreamClient } from '@nats-io/jetstream'
import type { Logger } from '#libs/log/logger.ts'
import { publishEvent, type OutgoingEvent } from '#libs/nats/event.ts'
import { SubjectError } from '#libs/nats/subjects.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { wait } from '#libs/retry/wait.ts'
import type { TalariaMetrics } from './metrics.ts'

/** How long an event of qos ≥ 25 is tried: a server's restart and an election take less. */
const RETRY_MS = 60_000

const BACKOFF = { firstMs: 100, maxMs: 3_000 }

/** How long the end waits for events that JetStream has not acknowledged. */
const FLUSH_MS = 3_000

/** What became of an event. */
export type PublishOutcome = 'stored' | 'window-full' | 'not-stored' | 'dest'

/** Publishes events. Disposing it waits for those under way, for 3 s at most. */
export interface Publisher extends AsyncDisposable {
  /**
   * Stores an event; never rejects.
   * @param isImportant it is tried again and waits for a place; another is dropped where there is none.
   */
  publish(event: OutgoingEvent, isImportant: boolean): Promise<PublishOutcome>
}

/** What {@link createPublisher} needs. */
export interface PublisherOptions {
  jetStream: JetStreamClient
  inFlightMax: number
  metrics: TalariaMetrics
  log: Logger
}

/** A publisher with nothing under way. */
export function createPublisher(options: PublisherOptions): Publisher {
  const { inFlightMax, metrics } = options
  const ending = new AbortController()
  const underWay = new Set<Promise<PublishOutcome>>()
  return {
    publish(event, isImportant) {
      // Important ones are bounded by what each device may have under way; those wait for nobody
      // here, so that a burst of unimportant ones cannot hold them up.
      if (!isImportant && underWay.size >= inFlightMax) return Promise.resolve('window-full')
      const publishing = store(event, isImportant, options, ending.signal)
      underWay.add(publishing)
      metrics.eventsInFlight.set(underWay.size)
      void publishing.finally(() => {
        underWay.delete(publishing)
        metrics.eventsInFlight.set(underWay.size)
      })
      return publishing
    },
    async [Symbol.asyncDispose]() {
      await Promise.race([Promise.all(underWay), wait(FLUSH_MS)])
      ending.abort()
      await Promise.all(underWay)
    },
  }
}

async function store(
  event: OutgoingEvent,
  isImportant: boolean,
  { jetStream, metrics, log }: PublisherOptions,
  signal: AbortSignal,
): Promise<PublishOutcome> {
  const stopTimer = metrics.eventSeconds.startTimer()
  const until = performance.now() + RETRY_MS
  const backoff = createBackoff(BACKOFF)
  for (;;) {
    try {
      await publishEvent(jetStream, event)
      stopTimer()
      metrics.events.inc()
      return 'stored'
    } catch (error) {
      // A type that cannot be a subject never will be.
      if (error instanceof SubjectError) return 'dest'
      log.debug({ eventId: event.id, error: String(error) }, 'event not stored')
      const isOver = !isImportant || signal.aborted || performance.now() > until
      if (isOver || !(await wait(backoff.nextMs(), signal))) return 'not-stored'
      metrics.eventRetries.inc()
    }
  }
}

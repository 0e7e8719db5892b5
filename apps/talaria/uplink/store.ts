/**
 * Events into JetStream: published, and published again with the same id until the stream has them
 * or it has been tried often enough. Who waits for that, and with what bound, is others' business.
 */
import type { JetStreamClient } from '@nats-io/jetstream'
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { Logger } from '#libs/log/logger.ts'
import { publishEvent, type OutgoingEvent } from '#libs/nats/event.ts'
import { SubjectError } from '#libs/nats/subjects.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { wait } from '#libs/retry/wait.ts'
import { traceFields } from '#libs/trace/tracer.ts'

/**
 * With at most 5 s each and these waits a leader election or a restart of the server is outlived;
 * then the device is told, as it can keep the event and we should not.
 */
const ATTEMPTS_MAX = 3
const BACKOFF = { firstMs: 200, maxMs: 2_000 }

/** Room for the headers of an event, which count towards NATS' limit too. */
const HEADER_BYTES = 16 * 1_024

/** NATS' own default, for the moment in which a connection does not know its server's. */
const MESSAGE_BYTES_DEFAULT = 1_048_576

/** What became of an event. */
export type Stored = 'stored' | 'too-large' | 'event-type-invalid' | 'not-stored'

/** Puts events into the stream. */
export interface Store {
  /** Never rejects. */
  put(event: OutgoingEvent, kind: 'device' | 'presence'): Promise<Stored>
  /** Resolves when nothing is under way any more, after `waitMs` at most. Nothing is tried again. */
  settle(waitMs: number): Promise<void>
}

/** What {@link createStore} needs. */
export interface StoreOptions {
  jetStream: JetStreamClient
  /** The server's limit now; undefined while it is not known. */
  messageBytesMax: () => number | undefined
  metrics: TalariaMetrics
  log: Logger
}

/** A store on one connection. */
export function createStore(options: StoreOptions): Store {
  const { metrics } = options
  const underWay = new Set<Promise<Stored>>()
  const ending = new AbortController()
  return {
    put(event, kind) {
      const bytesMax = (options.messageBytesMax() ?? MESSAGE_BYTES_DEFAULT) - HEADER_BYTES
      if (event.bytes.length > bytesMax) return Promise.resolve('too-large')
      const storing = publishUntilStored(event, options, ending.signal).then((stored) => {
        underWay.delete(storing)
        metrics.eventsInFlight.dec()
        if (stored === 'stored') metrics.eventsStored.inc({ kind })
        return stored
      })
      underWay.add(storing)
      metrics.eventsInFlight.inc()
      return storing
    },
    async settle(waitMs) {
      ending.abort()
      const timer = new AbortController()
      await Promise.race([Promise.all(underWay), wait(waitMs, timer.signal)])
      timer.abort()
    },
  }
}

async function publishUntilStored(
  event: OutgoingEvent,
  { jetStream, metrics, log }: StoreOptions,
  signal: AbortSignal,
): Promise<Stored> {
  const backoff = createBackoff(BACKOFF)
  for (let attempt = 1; ; attempt += 1) {
    const endTimer = metrics.eventSeconds.startTimer()
    try {
      await publishEvent(jetStream, event)
      endTimer()
      log.debug({ eventId: event.id, ...traceFields(event.trace) }, 'event stored')
      return 'stored'
    } catch (error) {
      if (error instanceof SubjectError) return 'event-type-invalid'
      metrics.eventFailures.inc()
      const trace = traceFields(event.trace)
      log.debug({ eventId: event.id, attempt, error: String(error), ...trace }, 'event not stored')
      if (attempt >= ATTEMPTS_MAX || !(await wait(backoff.nextMs(), signal))) return 'not-stored'
      metrics.eventRetries.inc()
    }
  }
}

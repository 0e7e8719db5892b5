/**
 * Whether events are being stored in one stream, and why not: one log line when that stops, one more
 * when the reason becomes another, and one when it goes on again. What to do differs by the reason.
 */
import { JetStreamApiError } from '@nats-io/jetstream'
import { TimeoutError } from '@nats-io/transport-node'
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { StoreFault } from '#apps/talaria/reasons.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { EventStream } from '#libs/nats/stream/event-streams.ts'

/** Failures for so long are no election of a leader: somebody has to look. */
const FAULT_AFTER_MS = 5_000

/** How often the reason is looked for while nothing is stored. */
const LOOK_MS = 5_000

/** Without a try for so long nothing is known any more, and a new device may be let in to show it. */
const FORGET_AFTER_MS = 20_000

/** What each reason means for whoever has to act. */
const TEXTS: Readonly<Record<StoreFault, string>> = {
  'stream-missing': 'the stream is missing: "npm run nats:apply" makes it',
  // After a write that failed nats-server acknowledges nothing more, says nothing to who publishes,
  // and goes on answering everything else. Tried with nats-server 2.15.2; nats/README.md.
  'writes-refused':
    'nats-server answers and stores nothing, as after a write that failed (disk full): give it room and restart nats-server',
  'refused-by-server': 'JetStream refuses them, as over a limit',
  unavailable: 'JetStream does not answer',
}

/** Which events a stream has, as a person is told. */
const EVENTS_OF: Readonly<Record<EventStream, string>> = {
  EVENTS: 'events',
  EVENTS_LOW: 'events of low qos',
}

/** What JetStream says of a stream when it is asked. */
export type StreamState = 'there' | 'missing' | 'silent'

/** The state of storing in one stream. */
export interface Storing {
  succeeded(): void
  failed(error: unknown): void
  /** What is wrong, once there have been failures only for a while. */
  readonly fault: string | undefined
}

/** What {@link createStoring} needs. */
export interface StoringOptions {
  stream: EventStream
  /** Asks JetStream for the stream. Never rejects. */
  askStream: () => Promise<StreamState>
  metrics: Pick<TalariaMetrics, 'storeFault'>
  log: Logger
}

interface Failing {
  since: number
  last: number
  lookedAt: number
  error: unknown
  reason?: StoreFault
}

/** All is well at the beginning. */
export function createStoring({ stream, askStream, metrics, log }: StoringOptions): Storing {
  const events = EVENTS_OF[stream]
  let failing: Failing | undefined
  const show = (reason: StoreFault | undefined, value: 0 | 1): void => {
    if (reason) metrics.storeFault.set({ stream, reason }, value)
  }
  const look = async (looking: Failing): Promise<void> => {
    const { error } = looking
    const state = error instanceof JetStreamApiError ? 'there' : await askStream()
    const reason = reasonOf(error, state)
    // Stored meanwhile, or as before.
    if (failing !== looking || looking.reason === reason) return
    show(looking.reason, 0)
    show(reason, 1)
    looking.reason = reason
    log.error(
      { stream, reason, error: String(error) },
      `${events} are not stored: ${TEXTS[reason]}`,
    )
  }
  return {
    succeeded() {
      if (failing?.reason) log.info({ stream }, `${events} are stored again`)
      show(failing?.reason, 0)
      failing = undefined
    },
    failed(error) {
      const now = performance.now()
      failing ??= { since: now, last: now, lookedAt: -Infinity, error }
      failing.last = now
      failing.error = error
      if (now - failing.since < FAULT_AFTER_MS || now - failing.lookedAt < LOOK_MS) return
      failing.lookedAt = now
      void look(failing)
    },
    get fault() {
      const isOld = !failing || performance.now() - failing.last > FORGET_AFTER_MS
      if (isOld || !failing?.reason) return undefined
      return `${events} are not stored: ${TEXTS[failing.reason]}`
    },
  }
}

function reasonOf(error: unknown, state: StreamState): StoreFault {
  if (error instanceof JetStreamApiError) return 'refused-by-server'
  if (state === 'missing') return 'stream-missing'
  return state === 'there' && error instanceof TimeoutError ? 'writes-refused' : 'unavailable'
}

/**
 * The first try to store a device's event, which is nearly always the only one. It makes one object
 * and no promise: hundreds of events are on their way at once, and whatever each of them holds
 * meanwhile is copied by every collection of garbage. What fails here is tried again elsewhere.
 */
import type { PubAck } from '@nats-io/jetstream'
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { Logger } from '#libs/log/logger.ts'
import { isTooLarge, type OutgoingEvent } from '#libs/nats/event.ts'
import type { AckListener } from '#libs/nats/stream/publisher.ts'
import { isSequenceWrong } from '#libs/nats/stream/sequence.ts'
import { SubjectError } from '#libs/nats/subject-token.ts'
import { traceFields } from '#libs/trace/tracer.ts'
import type { OnRead } from './outflow.ts'
import type { Storing } from './storing.ts'

/** What became of an event. */
export type Stored = 'stored' | 'too-large' | 'event-type-invalid' | 'not-stored'

/** Who is told what became of an event: of the two, once. */
export interface EventOwner {
  onStored(stored: Stored): void
  /** What should not happen. */
  onFault(error: unknown): void
}

/** A try that failed. */
export interface Failure {
  error: unknown
}

/** What all first tries share. */
export interface FirstTryParts {
  /** Publishes. @throws when nothing was sent. */
  send: (event: OutgoingEvent, listener: AckListener) => void
  isUpNow: () => boolean
  takeNow: (bytes: number) => OnRead | undefined
  storingFor: (event: OutgoingEvent) => Storing
  /**
   * Goes on after a failure, or without one where there was no turn yet, until `until` by
   * `performance.now()`. Rejects only for what should not happen.
   */
  tryLater: (event: OutgoingEvent, until: number, failure: Failure | undefined) => Promise<Stored>
  /** Called once for each, before its owner is told. */
  onEnd: (event: OutgoingEvent) => void
  /** How long an event is tried in all. */
  triedMs: number
  metrics: TalariaMetrics
  log: Logger
}

/** The first try of one event. */
export class FirstTry implements AckListener {
  readonly #event: OutgoingEvent
  readonly #owner: EventOwner
  readonly #parts: FirstTryParts
  readonly #begunAt = performance.now()
  #onRead: OnRead | undefined

  constructor(event: OutgoingEvent, owner: EventOwner, parts: FirstTryParts) {
    this.#event = event
    this.#owner = owner
    this.#parts = parts
  }

  /** Publishes the event; one that has to wait for the connection or for room goes the other way. */
  begin(): void {
    const { send, isUpNow, takeNow } = this.#parts
    if (isUpNow()) this.#onRead = takeNow(this.#event.bytes.length)
    if (!this.#onRead) return this.#tryLater(undefined)
    try {
      send(this.#event, this)
    } catch (error) {
      this.onFailure(error)
    }
  }

  onAck(_ack: PubAck): void {
    const { metrics, storingFor } = this.#parts
    metrics.eventSeconds.observe((performance.now() - this.#begunAt) / 1_000)
    storingFor(this.#event).succeeded()
    this.#onRead?.()
    tellStored(this.#event, this.#parts)
    this.#end('stored')
  }

  onFailure(error: unknown): void {
    tellFailed(error, this.#parts.storingFor(this.#event), this.#parts.metrics)
    this.#tryLater({ error })
  }

  #tryLater(failure: Failure | undefined): void {
    const { tryLater, triedMs, onEnd } = this.#parts
    tryLater(this.#event, this.#begunAt + triedMs, failure).then(
      (stored) => this.#end(stored),
      (error: unknown) => {
        onEnd(this.#event)
        this.#owner.onFault(error)
      },
    )
  }

  #end(stored: Stored): void {
    this.#parts.onEnd(this.#event)
    this.#owner.onStored(stored)
  }
}

/** Counts and logs that a device's event is stored. */
export function tellStored(
  event: OutgoingEvent,
  { metrics, log }: Pick<FirstTryParts, 'metrics' | 'log'>,
): void {
  metrics.eventsStored.inc({ kind: 'device' })
  if (event.trace) log.debug({ eventId: event.id, ...traceFields(event.trace) }, 'event stored')
}

/** Counts a try that failed, where that says something of how events are stored. */
export function tellFailed(error: unknown, storing: Storing, metrics: TalariaMetrics): void {
  // What is refused for what this one event is says nothing of how others are stored.
  if (isSequenceWrong(error) || isTooLarge(error) || error instanceof SubjectError) return
  metrics.eventFailures.inc()
  storing.failed(error)
}

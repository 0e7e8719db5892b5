/**
 * Events into JetStream: published, and published again with the same id until the stream has them
 * or their time is over. Who waits for that, and with what bound, is others' business. The first try
 * of a device's event is in a file of its own: it is nearly always the only one.
 */
import {
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
  type PubAck,
} from '@nats-io/jetstream'
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { Logger } from '#libs/log/logger.ts'
import { payloadMaxOf, type Nats } from '#libs/nats/connection/connect.ts'
import { isTooLarge, publishEvent, sendEvent, type OutgoingEvent } from '#libs/nats/event.ts'
import {
  EVENTS_LOW_STREAM,
  EVENTS_STREAM,
  eventStreamOf,
  type EventStream,
} from '#libs/nats/stream/event-streams.ts'
import {
  ConnectionLostError,
  createPublisher,
  type AckListener,
} from '#libs/nats/stream/publisher.ts'
import { SubjectError } from '#libs/nats/subject-token.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { wait } from '#libs/retry/wait.ts'
import { traceFields } from '#libs/trace/tracer.ts'
import {
  FirstTry,
  tellFailed,
  tellStored,
  type EventOwner,
  type Failure,
  type Stored,
} from './first-try.ts'
import { createLink, type Link } from './link.ts'
import { createOutflow, type OnRead, type Outflow } from './outflow.ts'
import { createStoring, type Storing, type StreamState } from './storing.ts'

/**
 * How long an event is tried. A cluster that elects a leader refuses at once for 1 to 4 s, and a
 * server that is restarted is away for some seconds: attempts by number would be spent in half of
 * one. Then the device is told, as it can keep its event.
 */
const TRIED_MS = 15_000

const BACKOFF = { firstMs: 200, maxMs: 2_000 }

/** Room for the headers of an event, which count towards NATS' limit too. */
const HEADER_BYTES = 16 * 1_024

/** Puts events into the stream. */
export interface Store {
  /** How many were put since the start. */
  readonly putCount: number
  /** Stores a device's event and tells `owner` what became of it, once. */
  put(event: OutgoingEvent, owner: EventOwner): void
  /**
   * One attempt at a presence event, which resolves with its sequence; who tries again is the
   * caller. See {@link PublishEventOptions} for `lastSequence`. @throws the client's errors.
   */
  attempt(event: OutgoingEvent, lastSequence?: number): Promise<number>
  /**
   * Why EVENTS stores nothing at this moment; undefined while all is well. EVENTS_LOW has no part
   * in it: that one stores nothing is logged and shown, but nobody was promised its events.
   */
  readonly fault: string | undefined
  /** Resolves when nothing is under way any more, after `waitMs` at most. Nothing is tried again. */
  settle(waitMs: number): Promise<void>
}

/** What {@link createStore} needs. */
export interface StoreOptions {
  /** The connection for what goes into the stream. */
  nats: Nats
  metrics: TalariaMetrics
  log: Logger
}

/** A store on one connection. */
export function createStore({ nats, metrics, log }: StoreOptions): Store {
  let underWay = 0
  let putCount = 0
  let onIdle: (() => void) | undefined
  let probe: OutgoingEvent | undefined
  const ending = new AbortController()
  const link = createLink(nats)
  const outflow = createOutflow(nats)
  // What goes on in one stream says nothing of the other: each has limits and a leader of its own,
  // and a write that failed ends that stream alone.
  const storingIn = (stream: EventStream): Storing =>
    createStoring({ stream, askStream: () => askStream(nats, stream), metrics, log })
  const storing = {
    [EVENTS_STREAM]: storingIn(EVENTS_STREAM),
    [EVENTS_LOW_STREAM]: storingIn(EVENTS_LOW_STREAM),
  }
  const publisher = createPublisher(nats)
  const publish = (event: OutgoingEvent, lastSequence?: number): Promise<PubAck> =>
    publishEvent(publisher, event, { lastSequence })
  const parts = { publish, link, outflow, storing, metrics, log, signal: ending.signal }
  const firstTry = {
    send: (event: OutgoingEvent, listener: AckListener) => sendEvent(publisher, event, listener),
    isUpNow: () => link.isUpNow,
    takeNow: (bytes: number) => outflow.takeNow(bytes),
    storingFor: (event: OutgoingEvent) => storing[eventStreamOf(event)],
    tryLater: (event: OutgoingEvent, until: number, failure: Failure | undefined) =>
      publishUntilStored(event, until, { ...parts, failure }),
    onEnd(event: OutgoingEvent) {
      if (event === probe) probe = undefined
      underWay -= 1
      metrics.eventsInFlight.dec()
      if (underWay === 0) onIdle?.()
    },
    triedMs: TRIED_MS,
    metrics,
    log,
  }
  return {
    get putCount() {
      return putCount
    },
    put(event, owner) {
      if (event.bytes.length > payloadMaxOf(nats) - HEADER_BYTES) return owner.onStored('too-large')
      if (event.isLow && storing[EVENTS_LOW_STREAM].fault !== undefined) {
        // Their stream is away and was long enough: those of low qos must not take the room of events
        // that could be stored. One at a time is still tried, once, to see whether it is back.
        if (probe) return owner.onStored('not-stored')
        probe = event
      }
      underWay += 1
      putCount += 1
      metrics.eventsInFlight.inc()
      new FirstTry(event, owner, firstTry).begin()
    },
    async attempt(event, lastSequence) {
      const { seq } = await publishOnce(event, lastSequence, parts)
      metrics.eventsStored.inc({ kind: 'presence' })
      return seq
    },
    get fault() {
      return storing[EVENTS_STREAM].fault
    },
    async settle(waitMs) {
      ending.abort()
      const timer = new AbortController()
      const { promise: isIdle, resolve } = Promise.withResolvers<void>()
      onIdle = resolve
      if (underWay > 0) await Promise.race([isIdle, wait(waitMs, timer.signal)])
      timer.abort()
      outflow[Symbol.dispose]()
      link[Symbol.dispose]()
    },
  }
}

async function askStream({ connection }: Nats, stream: EventStream): Promise<StreamState> {
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false })
    await manager.streams.info(stream)
    return 'there'
  } catch (error) {
    const isMissing =
      error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound
    return isMissing ? 'missing' : 'silent'
  }
}

interface Publishing {
  publish: (event: OutgoingEvent, lastSequence?: number) => Promise<PubAck>
  link: Link
  outflow: Outflow
  storing: Readonly<Record<EventStream, Storing>>
  metrics: TalariaMetrics
  log: Logger
  /** Nothing is tried again once it aborts. */
  signal: AbortSignal
}

/** From the second try on, or from the first of an event that has to wait for its turn. */
async function publishUntilStored(
  event: OutgoingEvent,
  until: number,
  parts: Publishing & { failure: Failure | undefined },
): Promise<Stored> {
  const { storing, metrics, log, signal } = parts
  const leftMs = (): number => until - performance.now()
  const backoff = createBackoff(BACKOFF)
  for (let { failure } = parts; ;) {
    if (failure) {
      const { error } = failure
      if (error instanceof SubjectError) return 'event-type-invalid'
      if (isTooLarge(error)) return 'too-large'
      const trace = traceFields(event.trace)
      log.debug({ eventId: event.id, error: String(error), ...trace }, 'event not stored')
      if (event.isLow && storing[eventStreamOf(event)].fault !== undefined) return 'not-stored'
      // Once the connection is back all that was under way goes out at once; the id makes it safe.
      const waitMs = error instanceof ConnectionLostError ? 0 : backoff.nextMs()
      if (leftMs() <= waitMs || !(await wait(waitMs, signal))) return 'not-stored'
      metrics.eventRetries.inc()
    }
    const onRead = await takeTurn(event, leftMs, parts)
    if (!onRead) return 'not-stored'
    try {
      await publishOnce(event, undefined, parts)
      onRead()
      tellStored(event, parts)
      return 'stored'
    } catch (error) {
      failure = { error }
    }
  }
}

/** What is published while there is no connection is lost silently, so it waits. */
async function takeTurn(
  event: OutgoingEvent,
  leftMs: () => number,
  { link, outflow, signal }: Publishing,
): Promise<OnRead | undefined> {
  if (!link.isUpNow && !(await link.isUp(leftMs(), signal))) return undefined
  const { length } = event.bytes
  const onRead = outflow.takeNow(length) ?? (await outflow.take(length, leftMs(), signal))
  // The connection was lost while this waited for room.
  const isThere = link.isUpNow || (await link.isUp(leftMs(), signal))
  return isThere ? onRead : undefined
}

async function publishOnce(
  event: OutgoingEvent,
  lastSequence: number | undefined,
  { publish, storing, metrics }: Publishing,
): Promise<PubAck> {
  const storingThere = storing[eventStreamOf(event)]
  const endTimer = metrics.eventSeconds.startTimer()
  try {
    const ack = await publish(event, lastSequence)
    endTimer()
    storingThere.succeeded()
    return ack
  } catch (error) {
    tellFailed(error, storingThere, metrics)
    throw error
  }
}

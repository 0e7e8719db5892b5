/**
 * What becomes of one event for one webhook: passed by, delivered, tried again later, or kept as a
 * dead letter. This is policy alone: the loop is in libs/nats, the POST in attempt.ts.
 */
import { feedOf } from '#apps/caduceus/feed.ts'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Outcome } from '#libs/nats/stream/consume.ts'
import type { PulledMessage } from '#libs/nats/stream/pulled-message.ts'
import { beginMessage, readTraceContext } from '#libs/nats/trace.ts'
import { traceFields, type Span, type Tracer } from '#libs/trace/tracer.ts'
import { eventTypeOf } from '#libs/wrp/locator.ts'
import type { Attempt, AttemptDelivery } from './attempt.ts'
import type { KeepDeadLetter, DeadLetterFacts } from './dead-letter.ts'
import type { Books, Settled } from './books.ts'
import { createEventReader, eventIdOf, type ReadEvent } from './event-reader.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import type { WatchBacklog } from './failure-notice.ts'
import { createOverruns } from './matching/overruns.ts'
import type { Places } from './places.ts'
import type { DeliveryTarget } from './target.ts'
import { deviceOf, toDeliveryRequest } from './request.ts'
import { retryDelayMs } from './schedule.ts'

/** After this a dead letter that could not be kept is tried again; nothing is lost meanwhile. */
const DEAD_LETTER_RETRY_MS = 5_000

/** An event for an expired webhook waits this long: a renewal within the grace time gets it. */
const EXPIRED_RETRY_MS = 5_000

/** After this an event whose failed attempts cannot be read or noted is tried again. */
const UNCOUNTED_RETRY_MS = 5_000

/** Waits until the webhook has a delivery less under way; undefined when the event should go back. */
export type TakeTurn = () => Promise<Disposable | undefined>

/** Decides about one message. What is to be posted waits for its turn first, and is in the books then. */
export type Deliver = (
  target: DeliveryTarget,
  message: PulledMessage,
  takeTurn: TakeTurn,
) => Promise<Outcome>

/** What {@link createDeliver} needs. */
export interface DeliverOptions {
  keepDeadLetter: KeepDeadLetter
  attempt: AttemptDelivery
  failedAttempts: FailedAttempts
  books: Books
  places: Places
  watchBacklog: WatchBacklog
  retryDelaysMs: readonly number[]
  tracer: Tracer | undefined
  metrics: Metrics
  log: Logger
}

/** What is decided about one event, and where it is from then on. */
interface Decision {
  outcome: Outcome
  settled: Settled
}

const RETURNED: Settled = { as: 'returned' }

/** Makes the decision. What it keeps of an event is in the books and the failed attempts. */
export function createDeliver(options: DeliverOptions): Deliver {
  const { books, failedAttempts, watchBacklog, metrics } = options
  const tellOverrun = createOverruns(options)
  const read = createEventReader()
  return async (target, message, takeTurn) => {
    const { id: webhookId, webhook, matches } = target
    if (Date.now() >= webhook.untilMs) return { outcome: 'nak', delayMs: EXPIRED_RETRY_MS }
    watchBacklog(target, message.info.pending)
    const feed = feedOf(webhookId, message.info.stream)
    const event = read(message)
    if (event) {
      const match = matches(event.message)
      metrics.events.inc({ outcome: match })
      if (match === 'overrun') tellOverrun(webhookId)
      if (match !== 'matched') {
        // It was meant for the registration that there was when it was tried before.
        if (message.info.deliveryCount > 1) await failedAttempts.forget(feed, message.seq)
        return { outcome: 'ack' }
      }
    }
    const settle = books.take(feed, message.seq)
    let settled: Settled = RETURNED
    try {
      using turn = await takeTurn()
      if (!turn) return { outcome: 'nak', delayMs: 0 }
      const decision = await decide(options, { target, feed, message, event })
      settled = decision.settled
      return decision.outcome
    } finally {
      settle(settled)
    }
  }
}

/** One event that a webhook is owed. */
interface Owed {
  target: DeliveryTarget
  /** Which of the webhook's streams it came from. */
  feed: string
  message: PulledMessage
  /** Undefined for what cannot be decoded. */
  event: ReadEvent | undefined
}

async function decide(options: DeliverOptions, owed: Owed): Promise<Decision> {
  const { failedAttempts, places, retryDelaysMs, metrics, log } = options
  const { target, feed, message, event } = owed
  const { id: webhookId } = target
  const { seq } = message
  let failedBefore = 0
  try {
    // JetStream's own count is only good for this: an event that was never given out has no note.
    if (message.info.deliveryCount > 1) failedBefore = await failedAttempts.countOf(feed, seq)
  } catch (error) {
    return uncounted(options, { webhookId, error })
  }
  const facts = { webhookId, eventId: event?.id ?? eventIdOf(message), attemptCount: failedBefore }
  if (!event) return giveUp(options, owed, { ...facts, reason: 'undecodable' })

  const startedAtMs = performance.now()
  const { outcome, status, retryAfterMs } = await attemptOnce(options, { ...owed, event }, facts)
  if (outcome === 'delivered') {
    places.succeeded(webhookId, performance.now() - startedAtMs)
    if (failedBefore > 0) await failedAttempts.forget(feed, seq)
    return { outcome: { outcome: 'ack' }, settled: { as: 'delivered' } }
  }
  places.failed(webhookId)
  const attemptCount = failedBefore + 1
  const delayMs = retryDelayMs(retryDelaysMs, attemptCount, retryAfterMs)
  log.debug({ ...facts, attemptCount, outcome, delayMs }, 'attempt failed')
  if (delayMs === undefined) {
    return giveUp(options, owed, { ...facts, attemptCount, reason: outcome, status })
  }
  try {
    // Before the stream has it back: whoever gets it next has to know.
    const revision = await failedAttempts.note(feed, seq, attemptCount)
    metrics.retries.inc({ reason: outcome })
    return { outcome: { outcome: 'nak', delayMs }, settled: { as: 'waiting', revision } }
  } catch (error) {
    return uncounted(options, { webhookId, error })
  }
}

/** Nothing is lost, but this attempt does not count: an event is tried too often, not too seldom. */
function uncounted(
  { metrics, log }: DeliverOptions,
  { webhookId, error }: { webhookId: string; error: unknown },
): Decision {
  log.warn({ webhookId, error: String(error) }, 'failed attempts cannot be counted')
  metrics.retries.inc({ reason: 'count-unavailable' })
  return { outcome: { outcome: 'nak', delayMs: UNCOUNTED_RETRY_MS }, settled: RETURNED }
}

async function attemptOnce(
  { attempt, tracer, metrics, log }: DeliverOptions,
  { target: { webhook }, message, event }: Owed & { event: ReadEvent },
  { webhookId, eventId, attemptCount: failedBefore }: Omit<DeadLetterFacts, 'reason'>,
): Promise<Attempt> {
  const nowMs = Date.now()
  const { owner } = webhook
  const form = event.formFor(webhook.hook)
  if (form.leftOutCount > 0) metrics.headersLeftOut.inc(form.leftOutCount)
  const request = toDeliveryRequest(webhook.hook, form, nowMs)
  const url = targetOf(webhook, message.seq + failedBefore)
  const span = tracer && beginDelivery(tracer, message, event, webhookId)
  const trace = span?.context ?? event.trace
  const facts = { webhookId, resendCount: failedBefore, trace }
  const made = await attempt(url, request, { owner, facts })
  const { outcome, status } = made
  if (span) endDelivery(span, outcome)
  const said = { webhookId, eventId, outcome, status, attemptCount: failedBefore + 1 }
  log.debug({ ...said, ...traceFields(trace) }, 'attempted')
  return made
}

/** Each attempt at an event is a span of its own, all of them parts of the event's. */
function beginDelivery(
  tracer: Tracer,
  message: PulledMessage,
  { id: eventId, message: event, trace }: ReadEvent,
  webhookId: string,
): Span {
  const span = beginMessage(tracer, {
    operation: 'process',
    subject: 'event',
    parent: trace,
    device: deviceOf(event) || undefined,
    eventType: eventTypeOf(event.dest ?? ''),
    transaction: event.transaction_uuid,
    messageId: eventId,
    bytes: message.data.length,
  })
  span.set({ 'xmidt.webhook.id': webhookId })
  return span
}

function endDelivery(span: Span, outcome: string): void {
  span.set({ 'xmidt.delivery.outcome': outcome })
  if (outcome !== 'delivered') span.fail(outcome)
  span.end()
}

async function giveUp(
  { keepDeadLetter, failedAttempts, metrics, log }: DeliverOptions,
  { target, feed, message }: Owed,
  facts: DeadLetterFacts,
): Promise<Decision> {
  const { webhookId, attemptCount } = facts
  try {
    await keepDeadLetter(message, facts, target.webhook.owner)
  } catch (error) {
    const trace = traceFields(readTraceContext(message.headers))
    log.warn({ webhookId, error: String(error), ...trace }, 'dead letter cannot be kept')
    metrics.retries.inc({ reason: 'dead-letter-unavailable' })
    return { outcome: { outcome: 'nak', delayMs: DEAD_LETTER_RETRY_MS }, settled: RETURNED }
  }
  metrics.deadLetters.inc({ reason: facts.reason })
  if (attemptCount > 1) await failedAttempts.forget(feed, message.seq)
  return { outcome: { outcome: 'term', reason: facts.reason }, settled: { as: 'dead' } }
}

/** `alt_urls` replace the URL; they take turns, event by event and attempt by attempt. */
function targetOf({ hook }: Webhook, turn: number): string {
  const { url, alt_urls: others = [] } = hook.config
  return others[turn % others.length] ?? url
}

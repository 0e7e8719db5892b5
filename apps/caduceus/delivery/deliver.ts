/**
 * What becomes of one event for one webhook: passed by, delivered, tried again later, or kept as a
 * dead letter. This is policy alone: the loop is in libs/nats, the POST in attempt.ts.
 */
import type { JetStreamClient, JsMsg } from '@nats-io/jetstream'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Outcome } from '#libs/nats/consume.ts'
import { readEventHeaders } from '#libs/nats/event.ts'
import { beginMessage, readTraceContext } from '#libs/nats/trace.ts'
import { traceFields, type Span, type Tracer } from '#libs/trace/tracer.ts'
import { decode } from '#libs/wrp/codec.ts'
import { eventTypeOf } from '#libs/wrp/locator.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import type { AttemptDelivery } from './attempt.ts'
import { publishDeadLetter, type DeadLetterFacts } from './dead-letter.ts'
import type { WatchBacklog } from './failure-notice.ts'
import type { DeliveryTarget } from './target.ts'
import { deviceOf, toDeliveryRequest } from './request.ts'
import { retryDelayMs } from './schedule.ts'

/** After this a dead letter that could not be kept is tried again; nothing is lost meanwhile. */
const DEAD_LETTER_RETRY_MS = 5_000

/** An event for an expired webhook waits this long: a renewal within the grace time gets it. */
const EXPIRED_RETRY_MS = 5_000

/** Decides about one message. */
export type Deliver = (target: DeliveryTarget, message: JsMsg) => Promise<Outcome>

/** What {@link createDeliver} needs. */
export interface DeliverOptions {
  jetStream: JetStreamClient
  attempt: AttemptDelivery
  watchBacklog: WatchBacklog
  retryDelaysMs: readonly number[]
  tracer: Tracer | undefined
  metrics: Metrics
  log: Logger
}

/** Makes the decision; it keeps nothing between events. */
export function createDeliver(options: DeliverOptions): Deliver {
  const { attempt, watchBacklog, retryDelaysMs, tracer, metrics, log } = options

  return async (target, message) => {
    const { id: webhookId, webhook, matches } = target
    if (Date.now() >= webhook.untilMs) return { outcome: 'nak', delayMs: EXPIRED_RETRY_MS }
    watchBacklog(target, message.info.pending)
    const eventId = eventIdOf(message)
    const attemptCount = message.info.deliveryCount
    const event = read(message)
    if (!event) {
      const facts = { webhookId, eventId, reason: 'undecodable' as const, attemptCount }
      return giveUp(options, message, facts)
    }
    const match = matches(event)
    metrics.events.inc({ outcome: match })
    if (match !== 'matched') return { outcome: 'ack' }

    const nowMs = Date.now()
    const onHeadersLeftOut = (count: number): void => metrics.headersLeftOut.inc(count)
    const request = toDeliveryRequest(webhook.hook, event, { eventId, nowMs, onHeadersLeftOut })
    const url = targetOf(webhook, message.seq + attemptCount - 1)
    const span = tracer && beginDelivery(tracer, message, event, { webhookId, eventId })
    const trace = span?.context ?? readTraceContext(message.headers)
    const facts = { webhookId, resendCount: attemptCount - 1, trace }
    const { outcome, status, retryAfterMs } = await attempt(url, request, facts)
    if (span) endDelivery(span, outcome)
    const said = { webhookId, eventId, outcome, status, attemptCount, ...traceFields(trace) }
    if (outcome === 'delivered') {
      log.debug(said, 'delivered')
      return { outcome: 'ack' }
    }

    const delayMs = retryDelayMs(retryDelaysMs, attemptCount, retryAfterMs)
    log.debug({ ...said, delayMs }, 'attempt failed')
    if (delayMs === undefined) {
      const facts = { webhookId, eventId, reason: outcome, status, attemptCount }
      return giveUp(options, message, facts)
    }
    metrics.retries.inc({ reason: outcome })
    return { outcome: 'nak', delayMs }
  }
}

/** Each attempt at an event is a span of its own, all of them parts of the event's. */
function beginDelivery(
  tracer: Tracer,
  message: JsMsg,
  event: WrpMessage,
  { webhookId, eventId }: { webhookId: string; eventId: string },
): Span {
  const span = beginMessage(tracer, {
    operation: 'process',
    subject: 'event',
    parent: readTraceContext(message.headers),
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
  { jetStream, metrics, log }: DeliverOptions,
  message: JsMsg,
  facts: DeadLetterFacts,
): Promise<Outcome> {
  try {
    await publishDeadLetter(jetStream, message, facts)
  } catch (error) {
    const trace = traceFields(readTraceContext(message.headers))
    const { webhookId } = facts
    log.warn({ webhookId, error: String(error), ...trace }, 'dead letter cannot be kept')
    metrics.retries.inc({ reason: 'dead-letter-unavailable' })
    return { outcome: 'nak', delayMs: DEAD_LETTER_RETRY_MS }
  }
  metrics.deadLetters.inc({ reason: facts.reason })
  return { outcome: 'term', reason: facts.reason }
}

/** What somebody published by hand has no id; its place in the stream is one as well. */
const eventIdOf = (message: JsMsg): string =>
  readEventHeaders(message.headers).id || `events-${message.seq}`

function read(message: JsMsg): WrpMessage | undefined {
  try {
    return decode(message.data)
  } catch {
    return undefined
  }
}

/** `alt_urls` replace the URL; they take turns, event by event and attempt by attempt. */
function targetOf({ hook }: Webhook, turn: number): string {
  const { url, alt_urls: others = [] } = hook.config
  return others[turn % others.length] ?? url
}

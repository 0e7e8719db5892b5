/** How a webhook's consumers are configured: what JetStream does by itself, and after which time. */
import type { ConsumerConfig, ConsumerUpdateConfig } from '@nats-io/jetstream'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import { ownershipOf } from './durable-name.ts'
import { filterSubjectOf } from './filter.ts'

/**
 * How long the events that a killed process had in hand wait for another one. A living process
 * keeps what takes longer by signs of progress; one that stands still for this long may have its
 * events delivered twice.
 */
const ACK_WAIT_MS = 5_000

/**
 * Where attempts are much shorter, the time of three is enough: one in line, one under way, and the
 * ack.
 */
const ACK_WAIT_ATTEMPTS = 3

/** How long an event that was given out may go without a sign. */
export const ackWaitMsOf = ({ attemptMs }: Pick<DurableLimits, 'attemptMs'>): number =>
  Math.min(ACK_WAIT_MS, ACK_WAIT_ATTEMPTS * attemptMs)

/** The consumer's limits, from the configuration. */
export interface DurableLimits {
  attemptMs: number
  unackedMax: number
}

/** How a webhook's consumers are to be. */
export function configOf(
  webhookId: string,
  webhook: Webhook,
  { attemptMs, unackedMax }: DurableLimits,
): Partial<ConsumerUpdateConfig> {
  return {
    ...ownershipOf(webhookId, webhook),
    ack_wait: ackWaitMsOf({ attemptMs }) * 1_000_000,
    max_ack_pending: unackedMax,
    // Attempts are counted by the schedule; a bound here would drop an event without a word.
    max_deliver: -1,
    // An absent filter must be absent: an empty one becomes a subject that nobody answers.
    filter_subject: filterSubjectOf(webhook.hook.events),
  } as Partial<ConsumerUpdateConfig>
}

/** The server adds metadata of its own, so that is not compared; whose it is never changes. */
export const isSame = (found: ConsumerConfig, wanted: Partial<ConsumerUpdateConfig>): boolean =>
  found.ack_wait === wanted.ack_wait &&
  found.max_ack_pending === wanted.max_ack_pending &&
  found.filter_subject === wanted.filter_subject &&
  found.description === wanted.description

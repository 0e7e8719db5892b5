/** The durable consumer of a webhook: its own place in the stream EVENTS, kept by the server. */
import {
  AckPolicy,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type ConsumerInfo,
  type ConsumerUpdateConfig,
  type JetStreamManager,
} from '@nats-io/jetstream'
import type { Hook } from '#apps/caduceus/webhook.ts'
import { filterSubjectOf } from './filter.ts'

/** The stream that webhooks are fed from. */
export const EVENTS_STREAM = 'EVENTS'

/** What the names of webhooks' consumers begin with. */
export const DURABLE_PREFIX = 'webhook_'

/** A message may wait for its turn and then be tried; a third of this is left for the ack. */
const ACK_WAIT_ATTEMPTS = 3

/** The consumer's limits, from the configuration. */
export interface DurableLimits {
  attemptMs: number
  unackedMax: number
}

/** The name of a webhook's consumer. */
export const durableOf = (webhookId: string): string => `${DURABLE_PREFIX}${webhookId}`

/**
 * Makes the consumer, starting with the next event, or makes the one that is there match `hook`
 * without moving its place. @throws the client's error when JetStream does not do it.
 */
export async function ensureDurable(
  manager: JetStreamManager,
  webhookId: string,
  hook: Hook,
  { attemptMs, unackedMax }: DurableLimits,
): Promise<void> {
  const changeable = {
    ack_wait: ACK_WAIT_ATTEMPTS * attemptMs * 1_000_000,
    max_ack_pending: unackedMax,
    // Attempts are counted by the schedule; a bound here would drop an event without a word.
    max_deliver: -1,
    // An absent filter must be absent: an empty one becomes a subject that nobody answers.
    filter_subject: filterSubjectOf(hook.events),
  } as Partial<ConsumerUpdateConfig>
  const durable = durableOf(webhookId)
  const found = await findDurable(manager, webhookId)
  if (!found) {
    await manager.consumers.add(EVENTS_STREAM, {
      ...changeable,
      durable_name: durable,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.New,
    })
    return
  }
  const { config } = found
  const isSame =
    config.ack_wait === changeable.ack_wait &&
    config.max_ack_pending === changeable.max_ack_pending &&
    config.filter_subject === changeable.filter_subject
  if (!isSame) await manager.consumers.update(EVENTS_STREAM, durable, changeable)
}

/** What the server says of a webhook's consumer; undefined when there is none. */
export async function findDurable(
  manager: JetStreamManager,
  webhookId: string,
): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(EVENTS_STREAM, durableOf(webhookId))
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** Removes the consumer; one that is gone already is no failure. */
export async function removeDurable(manager: JetStreamManager, webhookId: string): Promise<void> {
  try {
    await manager.consumers.delete(EVENTS_STREAM, durableOf(webhookId))
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

const isNotFound = (error: unknown): boolean =>
  error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound

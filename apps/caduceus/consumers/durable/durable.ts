/** The durable consumer of a webhook: its own place in the stream EVENTS, kept by the server. */
import {
  AckPolicy,
  DeliverPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  type ConsumerUpdateConfig,
  type JetStreamManager,
} from '@nats-io/jetstream'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import { addConsumer, EVENTS_STREAM, findConsumer, removeConsumer } from './consumer-api.ts'
import { durableOf, oldDurableOf, ownershipOf, webhookIdOfConsumer } from './durable-name.ts'
import { filterSubjectOf } from './filter.ts'
import { settleOldDurable, startAfter } from './old-durable.ts'

/** A message may wait for its turn and then be tried; a third of this is left for the ack. */
const ACK_WAIT_ATTEMPTS = 3

/** The consumer's limits, from the configuration. */
export interface DurableLimits {
  attemptMs: number
  unackedMax: number
}

/** How a consumer is made: its limits, and what is known of the one that was there before. */
interface DurableOptions extends DurableLimits {
  /** When the server made that one. A younger stream was made anew after its data was lost. */
  heldSince?: string | undefined
}

/** The consumer's name is another webhook's, as their ids begin alike. */
export class DurableTakenError extends Error {
  readonly code = 'DURABLE_TAKEN'
  override readonly name = 'DurableTakenError'
}

/** What {@link ensureDurable} found and did. */
export type DurableChange = 'created' | 'renamed' | 'kept'

/**
 * Makes the consumer, starting with the next event, or makes the one that is there match the
 * registration without moving its place. One with its old name is renamed.
 * @throws {DurableTakenError}; the client's error when JetStream does not do it.
 */
export async function ensureDurable(
  manager: JetStreamManager,
  webhookId: string,
  webhook: Webhook,
  options: DurableOptions,
): Promise<DurableChange> {
  const wanted = configOf(webhookId, webhook, options)
  const [found, old] = await Promise.all([
    findDurable(manager, webhookId),
    findConsumer(manager, oldDurableOf(webhookId)),
  ])
  if (!found) {
    const start = old ? startAfter(old) : await startNow(manager, options.heldSince)
    await createDurable(manager, webhookId, wanted, start)
  } else if (!isSame(found.config, wanted)) {
    await manager.consumers.update(EVENTS_STREAM, durableOf(webhookId), wanted)
  }
  if (old) await settleOldDurable(manager, webhookId)
  return found ? 'kept' : old ? 'renamed' : 'created'
}

/**
 * Gives a consumer that has its old name the new one, and changes nothing else: whoever registered
 * may know of it what this instance does not know yet. @throws what {@link ensureDurable} throws.
 */
export async function renameDurable(
  manager: JetStreamManager,
  webhookId: string,
  webhook: Webhook,
): Promise<void> {
  const old = await findConsumer(manager, oldDurableOf(webhookId))
  if (!old) return
  const { ack_wait, max_ack_pending, max_deliver, filter_subject } = old.config
  const kept = { ack_wait, max_ack_pending, max_deliver, filter_subject }
  const wanted = { ...kept, ...ownershipOf(webhookId, webhook) } as Partial<ConsumerUpdateConfig>
  if (!(await findDurable(manager, webhookId))) {
    await createDurable(manager, webhookId, wanted, startAfter(old))
  }
  await settleOldDurable(manager, webhookId)
}

/**
 * What the server says of a webhook's consumer; undefined when there is none.
 * @throws {DurableTakenError}
 */
export async function findDurable(
  manager: JetStreamManager,
  webhookId: string,
): Promise<ConsumerInfo | undefined> {
  const found = await findConsumer(manager, durableOf(webhookId))
  if (!found || webhookIdOfConsumer(found) === webhookId) return found
  throw new DurableTakenError(`the consumer ${durableOf(webhookId)} is another webhook's`)
}

/** Removes the consumer, by either name, and resolves with how many events it owed. */
export async function removeDurable(manager: JetStreamManager, webhookId: string): Promise<number> {
  const [found, old] = await Promise.all([
    findConsumer(manager, durableOf(webhookId)),
    findConsumer(manager, oldDurableOf(webhookId)),
  ])
  const own = [found, old].filter((each) => each && webhookIdOfConsumer(each) === webhookId)
  let owedCount = 0
  for (const consumer of own as ConsumerInfo[]) {
    // Both owe the same, where there are both.
    owedCount = Math.max(owedCount, consumer.num_pending + consumer.num_ack_pending)
    await removeConsumer(manager, consumer.name)
  }
  return owedCount
}

function configOf(
  webhookId: string,
  webhook: Webhook,
  { attemptMs, unackedMax }: DurableLimits,
): Partial<ConsumerUpdateConfig> {
  return {
    ...ownershipOf(webhookId, webhook),
    ack_wait: ACK_WAIT_ATTEMPTS * attemptMs * 1_000_000,
    max_ack_pending: unackedMax,
    // Attempts are counted by the schedule; a bound here would drop an event without a word.
    max_deliver: -1,
    // An absent filter must be absent: an empty one becomes a subject that nobody answers.
    filter_subject: filterSubjectOf(webhook.hook.events),
  } as Partial<ConsumerUpdateConfig>
}

/** The server adds metadata of its own, so that is not compared; whose it is never changes. */
const isSame = (found: ConsumerConfig, wanted: Partial<ConsumerUpdateConfig>): boolean =>
  found.ack_wait === wanted.ack_wait &&
  found.max_ack_pending === wanted.max_ack_pending &&
  found.filter_subject === wanted.filter_subject &&
  found.description === wanted.description

/** The next event; the first one of a stream that was lost and made anew, as all of it is owed. */
async function startNow(manager: JetStreamManager, heldSince?: string): Promise<number> {
  const { created, state } = await manager.streams.info(EVENTS_STREAM)
  const isAnother = heldSince !== undefined && Date.parse(created) > Date.parse(heldSince)
  return isAnother ? 1 : state.last_seq + 1
}

/**
 * The start is written down as a number, never as "new": so whether this consumer has all that one
 * with the old name owes can be told for ever.
 */
async function createDurable(
  manager: JetStreamManager,
  webhookId: string,
  wanted: Partial<ConsumerUpdateConfig>,
  start: number,
): Promise<void> {
  await addConsumer(manager, {
    ...wanted,
    durable_name: durableOf(webhookId),
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: start,
  })
  // Another instance may have been faster, or another webhook.
  await findDurable(manager, webhookId)
}

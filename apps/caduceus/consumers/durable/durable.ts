/** The durable consumer of a webhook's feed: its own place in the stream, kept by the server. */
import { randomUUID } from 'node:crypto'
import {
  AckPolicy,
  DeliverPolicy,
  type ConsumerInfo,
  type ConsumerUpdateConfig,
  type JetStreamManager,
} from '@nats-io/jetstream'
import { feedOf, streamOfFeed, webhookIdOfFeed } from '#apps/caduceus/feed.ts'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import {
  EVENTS_LOW_STREAM,
  EVENTS_STREAM,
  type EventStream,
} from '#libs/nats/stream/event-streams.ts'
import { addConsumer, findConsumer, isStreamMissing } from './consumer-api.ts'
import { configOf, isSame, type DurableLimits } from './durable-config.ts'
import { durableOf, oldDurableOf, ownershipOf, webhookIdOfConsumer } from './durable-name.ts'
import { isLowNoted, noteLow } from './low-note.ts'
import { settleOldDurable, sinceOf, startAfter } from './old-durable.ts'

/** The key of the metadata that tells which of two instances made the consumer. */
const MARK_KEY = 'xmidt.made'

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
export type DurableChange =
  | 'created'
  | 'renamed'
  | 'kept'
  /** The webhook had one in EVENTS before; this one begins when that one was made. */
  | 'joined'
  /** Likewise, and there was one in this stream before: somebody has removed it. */
  | 'remade'

/**
 * Makes the consumers of a webhook that is registered. EVENTS first: the other one begins when that
 * one was made. Where EVENTS_LOW is missing that is left to who pulls, once it is there: nobody was
 * promised its events, and a renewal that failed would end those of EVENTS too. Resolves with what
 * was done in EVENTS_LOW. @throws what {@link ensureDurable} throws.
 */
export async function ensureDurables(
  manager: JetStreamManager,
  webhookId: string,
  webhook: Webhook,
  options: DurableOptions,
): Promise<DurableChange | undefined> {
  const first = await ensure(manager, webhookId, webhook, options)
  let change: DurableChange
  try {
    ;({ change } = await ensure(manager, feedOf(webhookId, EVENTS_LOW_STREAM), webhook, options))
  } catch (error) {
    if (!isStreamMissing(error)) throw error
    return undefined
  }
  if (!first.found || !isLowNoted(first.found)) await noteLow(manager, webhookId)
  return change
}

/**
 * Makes the consumer, starting with the next event, or makes the one that is there match the
 * registration without moving its place. One with its old name is renamed. Of several instances
 * that make it at the same moment one is told that it did.
 * @throws {DurableTakenError}; the client's error when JetStream does not do it.
 */
export async function ensureDurable(
  manager: JetStreamManager,
  feed: string,
  webhook: Webhook,
  options: DurableOptions,
): Promise<DurableChange> {
  const { change } = await ensure(manager, feed, webhook, options)
  if (change === 'joined') await noteLow(manager, webhookIdOfFeed(feed))
  return change
}

/** What was done, and the consumer as it was found. */
interface Ensured {
  change: DurableChange
  found: ConsumerInfo | undefined
}

async function ensure(
  manager: JetStreamManager,
  feed: string,
  webhook: Webhook,
  options: DurableOptions,
): Promise<Ensured> {
  const stream = streamOfFeed(feed)
  const webhookId = webhookIdOfFeed(feed)
  const wanted = configOf(webhookId, webhook, options)
  const [found, old] = await Promise.all([
    findDurable(manager, feed),
    // Made when there was only EVENTS.
    stream === EVENTS_STREAM && findConsumer(manager, stream, oldDurableOf(webhookId)),
  ])
  if (found && !isSame(found.config, wanted)) {
    // What was noted of it stays.
    const metadata = { ...found.config.metadata, ...wanted.metadata }
    await manager.consumers.update(stream, durableOf(webhookId), { ...wanted, metadata })
  }
  let change: DurableChange = found ? 'kept' : old ? 'renamed' : 'created'
  if (!found) {
    const first = await firstOf(manager, feed, options)
    if (first) change = first.isLowNoted ? 'remade' : 'joined'
    const sequence = old ? startAfter(old) : await startNow(manager, stream, options.heldSince)
    const start = first ? { time: first.since } : { sequence }
    if (!(await createDurable(manager, feed, wanted, start))) change = 'kept'
  }
  if (old) await settleOldDurable(manager, webhookId)
  return { change, found }
}

/**
 * Of the webhook's consumer in EVENTS when it was made, which is the beginning of the other one too: a
 * webhook may be older than the other stream, or than the Caduceus that knows it. Not for one that was held and is
 * lost: what it was given would come again.
 */
async function firstOf(
  manager: JetStreamManager,
  feed: string,
  { heldSince }: DurableOptions,
): Promise<{ since: string; isLowNoted: boolean } | undefined> {
  const webhookId = webhookIdOfFeed(feed)
  if (feed === webhookId || heldSince !== undefined) return undefined
  // One after the other: of two that are asked for at once, the old one may go in between.
  const old = await findConsumer(manager, EVENTS_STREAM, oldDurableOf(webhookId))
  const found = await findDurable(manager, webhookId)
  const both = [old, found].filter((each) => each !== undefined)
  if (both.length === 0) return undefined
  return { since: sinceOf(...both), isLowNoted: both.some(isLowNoted) }
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
  const old = await findConsumer(manager, EVENTS_STREAM, oldDurableOf(webhookId))
  if (!old) return
  const { ack_wait, max_ack_pending, max_deliver, filter_subject } = old.config
  const kept = { ack_wait, max_ack_pending, max_deliver, filter_subject }
  const wanted = { ...kept, ...ownershipOf(webhookId, webhook) } as Partial<ConsumerUpdateConfig>
  if (!(await findDurable(manager, webhookId))) {
    await createDurable(manager, webhookId, wanted, { sequence: startAfter(old) })
  }
  await settleOldDurable(manager, webhookId)
}

/**
 * What the server says of a feed's consumer; undefined when there is none.
 * @throws {DurableTakenError}
 */
export async function findDurable(
  manager: JetStreamManager,
  feed: string,
): Promise<ConsumerInfo | undefined> {
  const webhookId = webhookIdOfFeed(feed)
  const found = await findConsumer(manager, streamOfFeed(feed), durableOf(webhookId))
  if (!found || webhookIdOfConsumer(found) === webhookId) return found
  throw new DurableTakenError(`the consumer ${durableOf(webhookId)} is another webhook's`)
}

/** The next event; the first one of a stream that was lost and made anew, as all of it is owed. */
async function startNow(
  manager: JetStreamManager,
  stream: EventStream,
  heldSince?: string,
): Promise<number> {
  const { created, state } = await manager.streams.info(stream)
  const isAnother = heldSince !== undefined && Date.parse(created) > Date.parse(heldSince)
  return isAnother ? 1 : state.last_seq + 1
}

/**
 * In EVENTS the start is stored as a sequence, never as "new": so it can be told at any time
 * whether this consumer has all that one with the old name owes. Says whether it was made here: an
 * instance that was faster has another mark in it, and then the server makes none.
 */
async function createDurable(
  manager: JetStreamManager,
  feed: string,
  wanted: Partial<ConsumerUpdateConfig>,
  start: { sequence: number } | { time: string },
): Promise<boolean> {
  const mark = randomUUID()
  await addConsumer(manager, streamOfFeed(feed), {
    ...wanted,
    metadata: { ...wanted.metadata, [MARK_KEY]: mark },
    durable_name: durableOf(webhookIdOfFeed(feed)),
    ack_policy: AckPolicy.Explicit,
    ...('time' in start
      ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: start.time }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: start.sequence }),
  })
  // Another instance may have been faster, or another webhook.
  const made = await findDurable(manager, feed)
  return made?.config.metadata?.[MARK_KEY] === mark
}

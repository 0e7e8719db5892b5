/**
 * A consumer of EVENTS that still has its old name, the whole id: its place in the stream goes over to the
 * one with the short name, and then it is removed. Each step may be the last of a process that is
 * killed, two instances may take the same one at once, and a Caduceus of the old version may make
 * it again: whatever is found, no event that the old one owes is lost.
 */
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import { EVENTS_STREAM } from '#libs/nats/stream/event-streams.ts'
import { addConsumer, findConsumer, removeConsumer } from './consumer-api.ts'
import { durableOf, oldDurableOf, webhookIdOfConsumer } from './durable-name.ts'

/** The key of an old consumer's metadata that holds from where on its successor has to start. */
const START_KEY = 'xmidt.start'

/** The key of a consumer's metadata that holds when the one was made whose place it took over. */
const SINCE_KEY = 'xmidt.since'

/**
 * Where a successor has to start so that it has all that `old` owes. Events behind the first one
 * that is not acked come again, with the ids that they had: JetStream starts at one place.
 */
export function startAfter(old: ConsumerInfo): number {
  const { delivered, ack_floor: ackFloor, num_ack_pending: unackedCount, config } = old
  const first = (unackedCount > 0 ? ackFloor : delivered).stream_seq + 1
  const written = Number(config.metadata?.[START_KEY] ?? Number.MAX_SAFE_INTEGER)
  return Math.min(first, written)
}

/** Since when a webhook has been given events by one of these, and by what they took over from. */
export function sinceOf(...consumers: readonly ConsumerInfo[]): string {
  const times = consumers.map(({ created, config }) => config.metadata?.[SINCE_KEY] ?? created)
  return times.toSorted((one, other) => Date.parse(one) - Date.parse(other))[0] ?? ''
}

/**
 * Removes the webhook's old consumer once the new one has all that it owes. Where the new one began
 * later, or takes less (somebody registered other events at an old version), it is made again from
 * the earlier place, without a filter: matching is not the filter's business.
 */
export async function settleOldDurable(
  manager: JetStreamManager,
  webhookId: string,
): Promise<void> {
  const [found, old] = await Promise.all([
    findConsumer(manager, EVENTS_STREAM, durableOf(webhookId)),
    findConsumer(manager, EVENTS_STREAM, oldDurableOf(webhookId)),
  ])
  if (!found || !old || webhookIdOfConsumer(found) !== webhookId) return
  // The consumer in EVENTS_LOW may be made later, and begins where the webhook did.
  const since = { [SINCE_KEY]: sinceOf(found, old) }
  const metadata = { ...found.config.metadata, ...since }
  if (hasAllOf(found, old)) {
    await manager.consumers.update(EVENTS_STREAM, found.name, { metadata })
  } else {
    const start = Math.min(startAfter(found), startAfter(old))
    // First, so that the place outlives a kill between the removal and the making.
    await manager.consumers.update(EVENTS_STREAM, old.name, {
      metadata: { ...old.config.metadata, ...since, [START_KEY]: String(start) },
    })
    await removeConsumer(manager, EVENTS_STREAM, found.name)
    const { filter_subject: _, ...config } = found.config
    await addConsumer(manager, EVENTS_STREAM, {
      ...config,
      durable_name: found.name,
      metadata,
      opt_start_seq: start,
    })
  }
  await removeConsumer(manager, EVENTS_STREAM, old.name)
}

function hasAllOf(found: ConsumerInfo, old: ConsumerInfo): boolean {
  const { filter_subject: filter, opt_start_seq: start = Number.MAX_SAFE_INTEGER } = found.config
  return start <= startAfter(old) && (!filter || filter === old.config.filter_subject)
}

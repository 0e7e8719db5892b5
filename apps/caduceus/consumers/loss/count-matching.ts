/** How many events of a filter lie in a part of the stream that is still there. */
import { randomUUID } from 'node:crypto'
import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream'
import type { EventStream } from '#libs/nats/stream/event-streams.ts'
import { removeConsumer } from '#apps/caduceus/consumers/durable/consumer-api.ts'

/** A consumer that only counts goes by itself when whoever made it could not remove it. */
const COUNTER_LIFE_NANOS = 10_000_000_000

/** Events come in between; of a filter that is worth counting rarely so often in a row. */
const TRIES_MAX = 5

/** Which events are counted. */
interface Filtered {
  stream: EventStream
  filter: string
}

/**
 * Events behind `after`, up to `last`. Two consumers say how many lie behind either place, and a
 * third look that no further one came between. Undefined when more and more came.
 * @throws the client's errors.
 */
export async function countMatching(
  manager: JetStreamManager,
  filtered: Filtered,
  { after, last }: { after: number; last: number },
): Promise<number | undefined> {
  if (after >= last) return 0
  const { stream } = filtered
  const behindLast = await addCounter(manager, filtered, last)
  try {
    let before = behindLast.count
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const behindAfter = await addCounter(manager, filtered, after)
      await removeConsumer(manager, stream, behindAfter.name)
      const { num_pending: now } = await manager.consumers.info(stream, behindLast.name)
      if (now === before) return behindAfter.count - now
      before = now
    }
    return undefined
  } finally {
    await removeConsumer(manager, stream, behindLast.name)
  }
}

async function addCounter(
  manager: JetStreamManager,
  { stream, filter }: Filtered,
  after: number,
): Promise<{ name: string; count: number }> {
  const { name, num_pending: count } = await manager.consumers.add(stream, {
    name: `count_${randomUUID()}`,
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: after + 1,
    filter_subject: filter,
    inactive_threshold: COUNTER_LIFE_NANOS,
    mem_storage: true,
    num_replicas: 1,
  })
  return { name, count }
}

/**
 * Consumers whose webhook is not there: of a registration that was never finished, or whose end was
 * not. A webhook that the bucket alone has lost looks the same, and its consumers hold its place in
 * the streams. So they are removed only when nothing moved of them from one round to the next,
 * nobody pulls from any, and every Caduceus has said that it does not know the webhook.
 */
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Bucket } from '#libs/nats/bucket/bucket.ts'
import { EVENT_STREAMS, EVENTS_STREAM, type EventStream } from '#libs/nats/stream/event-streams.ts'
import { findConsumer, isStreamMissing, removeConsumer } from './durable/consumer-api.ts'
import { durableOf, oldDurableOf, webhookIdOfConsumer } from './durable/durable-name.ts'
import { settleOldDurable } from './durable/old-durable.ts'
import type { Known } from './loss/ask-taken.ts'
import type { Webhooks } from './webhooks.ts'

/** So many webhooks are asked for in a round; each question waits for the slowest to answer. */
const ASKED_MAX = 50

/** So many are named in the log, and the others counted. */
const NAMED_MAX = 5

/** What {@link createOrphanSweep} needs. */
export interface OrphanSweepOptions {
  webhooks: Webhooks
  bucket: Bucket<Webhook>
  manager: JetStreamManager
  /** Asks all instances for a webhook. @throws the client's errors. */
  askKnown: (webhookId: string) => Promise<Known>
  orphanAgeMs: number
  metrics: Metrics
  log: Logger
}

/** One round. @throws the client's errors; then what is left is left for the next. */
type OrphanSweep = () => Promise<void>

/** No round yet: the first one removes nothing. */
export function createOrphanSweep(options: OrphanSweepOptions): OrphanSweep {
  const { manager, orphanAgeMs, askKnown, log } = options
  /** By webhook, how its consumers stood in the round before. */
  let before = new Map<string, string>()
  return async () => {
    const standing = new Map<string, string>()
    const kept: Record<Exclude<Known, 'no'>, string[]> = { yes: [], unsure: [] }
    let asked = 0
    for (const webhookId of await idsWithoutWebhook(options)) {
      const consumers = await consumersOf(manager, webhookId)
      if (consumers.some(({ info }) => info.num_waiting > 0)) continue
      const state = consumers.map(({ info }) => stateOf(info)).join(' ')
      standing.set(webhookId, state)
      const isOld = ({ info }: Consumer): boolean =>
        Date.now() - Date.parse(info.created) >= orphanAgeMs
      if (before.get(webhookId) !== state || !consumers.some(isOld) || asked >= ASKED_MAX) continue
      asked += 1
      const known = await askKnown(webhookId)
      if (known !== 'no') kept[known].push(webhookId)
      // Those alone: the webhook's others have an age of their own.
      else for (const each of consumers.filter(isOld)) await remove(options, webhookId, each)
    }
    before = standing
    tell(kept.yes, 'webhooks are missing in the bucket and known elsewhere: consumers stay', log)
    tell(kept.unsure, 'not every caduceus has said whether it knows webhooks: consumers stay', log)
  }
}

interface Consumer {
  stream: EventStream
  info: ConsumerInfo
}

/** Whose consumers there are, and neither this instance nor the bucket has them. */
async function idsWithoutWebhook(options: OrphanSweepOptions): Promise<Set<string>> {
  const { webhooks, bucket, manager } = options
  const ids = new Set<string>()
  for (const stream of EVENT_STREAMS) {
    for (const consumer of await list(manager, stream)) {
      const id = webhookIdOfConsumer(consumer)
      if (id === undefined) continue
      // An entry that cannot be read is no missing one, and neither is one that is to be written back.
      if (!webhooks.get(id) && !(await bucket.has(id))) {
        ids.add(id)
        continue
      }
      // Whoever pulls from it is a Caduceus of the old version, which would only make it again.
      const isLeft = consumer.name === oldDurableOf(id) && consumer.num_waiting === 0
      if (isLeft && stream === EVENTS_STREAM) await settleOldDurable(manager, id)
    }
  }
  return ids
}

async function list(manager: JetStreamManager, stream: EventStream): Promise<ConsumerInfo[]> {
  const found: ConsumerInfo[] = []
  try {
    for await (const consumer of manager.consumers.list(stream)) found.push(consumer)
  } catch (error) {
    if (!isStreamMissing(error)) throw error
  }
  return found
}

/** As they are now, in both streams and by either name: a list leaves out what has no leader. */
async function consumersOf(manager: JetStreamManager, webhookId: string): Promise<Consumer[]> {
  const found: Consumer[] = []
  for (const stream of EVENT_STREAMS) {
    for (const name of [durableOf(webhookId), oldDurableOf(webhookId)]) {
      const info = await findConsumer(manager, stream, name)
      if (info && webhookIdOfConsumer(info) === webhookId) found.push({ stream, info })
    }
  }
  return found
}

/** Another one as soon as an event is given out or settled. */
const stateOf = ({ created, delivered, ack_floor: floor, num_ack_pending }: ConsumerInfo): string =>
  [created, delivered.consumer_seq, floor.consumer_seq, num_ack_pending].join('/')

async function remove(
  { manager, metrics, log }: OrphanSweepOptions,
  webhookId: string,
  { stream, info }: Consumer,
): Promise<void> {
  await removeConsumer(manager, stream, info.name)
  metrics.cutOffs.inc({ reason: 'orphan' })
  const pending = info.num_pending + info.num_ack_pending
  log.warn({ webhookId, stream, pending }, 'consumer without a webhook removed')
}

function tell(webhookIds: readonly string[], what: string, log: Logger): void {
  if (webhookIds.length === 0) return
  log.warn({ count: webhookIds.length, webhookIds: webhookIds.slice(0, NAMED_MAX) }, what)
}

/** The pull loop of one feed of a webhook: from its consumer, whatever that is called, to the delivery. */
import type { JetStreamManager } from '@nats-io/jetstream'
import type { Deliver } from '#apps/caduceus/delivery/deliver.ts'
import type { Places } from '#apps/caduceus/delivery/places.ts'
import type { DeliveryTarget } from '#apps/caduceus/delivery/target.ts'
import type { CaduceusFaults, Metrics } from '#apps/caduceus/metrics.ts'
import { streamOfFeed } from '#apps/caduceus/feed.ts'
import type { Logger } from '#libs/log/logger.ts'
import { consume } from '#libs/nats/stream/consume.ts'
import { EVENTS_STREAM } from '#libs/nats/stream/event-streams.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { untilAborted } from '#libs/retry/until-aborted.ts'
import { wait } from '#libs/retry/wait.ts'
import type { ByteBudget } from './byte-budget.ts'
import { isStreamMissing } from '#apps/caduceus/consumers/durable/consumer-api.ts'
import { ackWaitMsOf, type DurableLimits } from '#apps/caduceus/consumers/durable/durable-config.ts'
import { durableOf } from '#apps/caduceus/consumers/durable/durable-name.ts'
import {
  DurableTakenError,
  ensureDurable,
  findDurable,
  renameDurable,
} from '#apps/caduceus/consumers/durable/durable.ts'
import type { Turns } from './turns.ts'
import type { PullConnections } from './pull-connections.ts'
import type { LossWatch } from '#apps/caduceus/consumers/loss/retention-loss.ts'

/** Waits between attempts to look at a consumer while NATS is away. */
const BEGIN_BACKOFF = { firstMs: 200, maxMs: 10_000 }

/** What waits in line for longer goes back to the stream. One attempt ahead of it is common. */
const LINE_ATTEMPTS = 2

/** How long an event may be in hand: in line, and then for one attempt. */
export const inHandMsOf = ({ attemptMs }: Pick<DurableLimits, 'attemptMs'>): number =>
  (LINE_ATTEMPTS + 1) * attemptMs

/** What {@link pullForEver} needs. */
export interface PullOptions {
  connections: PullConnections
  manager: JetStreamManager
  limits: DurableLimits
  places: Places
  bytes: ByteBudget
  deliver: Deliver
  lossWatch: LossWatch
  metrics: Metrics
  faults: CaduceusFaults
  log: Logger
}

/** What is pulled, for whom. */
export interface Pulled {
  readonly feed: string
  readonly target: DeliveryTarget
  /** Of the webhook, for all its feeds. */
  readonly turns: Turns
}

/** Delivers to one webhook what one stream has, until the signal aborts; then what is in hand is finished. Never rejects. */
export async function pullForEver(
  options: PullOptions,
  pulled: Pulled,
  signal: AbortSignal,
): Promise<void> {
  const { connections, deliver, lossWatch, faults } = options
  const { feed, target, turns } = pulled
  const log = options.log.child({ webhookId: target.id })
  const held: Held = { since: undefined }
  if (!(await begin(options, pulled, { signal, log, held }))) return
  const { owner } = target.webhook
  using bytes = options.bytes.open(owner)
  const lineMs = LINE_ATTEMPTS * options.limits.attemptMs
  await consume(connections.of(owner), {
    stream: streamOfFeed(feed),
    durable: durableOf(target.id),
    places: () => turns.placesOf(feed),
    onRoom: (act) => turns.onRoom(feed, act),
    ackWaitMs: ackWaitMsOf(options.limits),
    bytes,
    async handle(message) {
      lossWatch.takenOf(feed)?.add(message.seq)
      using _held = turns.hold(feed)
      return await deliver(target, message, () => turns.take(signal, lineMs))
    },
    onFault: (error, { seq }) =>
      faults.tell('event', error, { webhookId: target.id, seq: String(seq) }),
    onMissing: () =>
      signal.aborted ? Promise.resolve(false) : makeAnew(options, pulled, { log, held }),
    signal,
    log,
  })
}

/** When the server made the consumer that is pulled from, as it says. */
interface Held {
  since: string | undefined
}

/**
 * What is to be known and done of the consumer before it is pulled from; tried until it is, as the
 * name may be another webhook's. Says whether to pull. Never throws.
 */
async function begin(
  options: PullOptions,
  { feed, target }: Pulled,
  { signal, log, held }: { signal: AbortSignal; log: Logger; held: Held },
): Promise<boolean> {
  const { manager, lossWatch } = options
  const backoff = createBackoff(BEGIN_BACKOFF)
  for (;;) {
    try {
      // The client waits 5 s for a server that went away meanwhile; an end does not.
      if (isFirst(feed)) {
        await untilAborted(renameDurable(manager, target.id, target.webhook), signal)
      }
      const consumer = await untilAborted(findDurable(manager, feed), signal)
      held.since = consumer?.created
      if (consumer) await untilAborted(lossWatch.begin(feed, consumer), signal)
      return true
    } catch (error) {
      if (signal.aborted || isTaken(error, options, { feed, log })) return false
      log.warn({ error: String(error) }, 'consumer cannot be looked at')
      if (!(await wait(backoff.nextMs(), signal))) return false
    }
  }
}

/** The consumer is not there; says whether to go on. Never throws. */
async function makeAnew(
  options: PullOptions,
  { feed, target }: Pulled,
  { log, held }: { log: Logger; held: Held },
): Promise<boolean> {
  const { manager, limits, lossWatch, metrics } = options
  try {
    const how = { ...limits, heldSince: held.since }
    const change = await ensureDurable(manager, feed, target.webhook, how)
    const consumer = await findDurable(manager, feed)
    held.since = consumer?.created ?? held.since
    if (consumer) await lossWatch.begin(feed, consumer)
    if (change === 'joined') log.info('consumer of events of low qos is made')
    if (change !== 'created' && change !== 'remade') return true
    // Its place is lost with it, and maybe events of the meantime: somebody must know.
    log.error({ stream: streamOfFeed(feed), change }, 'consumer was missing and is made anew')
    metrics.cutOffs.inc({ reason: 'consumer-missing' })
  } catch (error) {
    if (isTaken(error, options, { feed, log })) return false
    // That the stream itself is missing is told once for all webhooks.
    if (isStreamMissing(error)) log.debug('consumer cannot be made without its stream')
    else log.warn({ error: String(error) }, 'consumer cannot be made')
  }
  return true
}

/** Whether it is the feed that each webhook has had from the beginning. */
const isFirst = (feed: string): boolean => streamOfFeed(feed) === EVENTS_STREAM

/** Whether nothing can be delivered to this webhook, which somebody must know. */
function isTaken(
  error: unknown,
  { metrics }: PullOptions,
  { feed, log }: { feed: string; log: Logger },
): boolean {
  if (!(error instanceof DurableTakenError)) return false
  // Told once for the webhook: whoever has its consumer's name in one stream has it in the other.
  if (!isFirst(feed)) return true
  log.error({ error: error.message }, 'webhook gets nothing: register it by another URL')
  metrics.cutOffs.inc({ reason: 'consumer-taken' })
  return true
}

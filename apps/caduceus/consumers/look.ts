/**
 * Looks from time to time how each webhook stands: what waits for it and since when, and whether
 * retention took something. One list of all consumers of a stream a look, not a question for each.
 */
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import type { Books } from '#apps/caduceus/delivery/books.ts'
import type { FailedAttempts } from '#apps/caduceus/delivery/failed-attempts.ts'
import { streamOfFeed, webhookIdOfFeed } from '#apps/caduceus/feed.ts'
import type { Logger } from '#libs/log/logger.ts'
import { EVENT_STREAMS, type EventStream } from '#libs/nats/stream/event-streams.ts'
import { untilAborted } from '#libs/retry/until-aborted.ts'
import { wait } from '#libs/retry/wait.ts'
import { webhookIdOfConsumer } from './durable/durable-name.ts'
import type { DeadLetterCounts } from './dead-letter-counts.ts'
import { isStreamMissing } from './durable/consumer-api.ts'
import { findDurable } from './durable/durable.ts'
import type { ExpireRetries } from './loss/expired-retries.ts'
import type { Facts } from './loss/place.ts'
import type { LossWatch } from './loss/retention-loss.ts'
import type { Standings } from './standing.ts'

/** Soon after the start the webhooks are known, and somebody wants to see how they stand. */
const FIRST_LOOK_MS = 500

/** So long may the last look take, when the process ends. */
const LAST_LOOK_MS = 2_000

/** Long for a server that reads what it has got. */
const ACKS_MS = 100

/** What {@link startLooking} needs. */
export interface LookOptions {
  manager: JetStreamManager
  lossWatch: LossWatch
  expireRetries: ExpireRetries
  standings: Standings
  deadLetters: DeadLetterCounts
  failedAttempts: FailedAttempts
  books: Books
  everyMs: number
  log: Logger
}

/** Looks until disposed, and once more then: whoever comes next finds the places as they are. */
export function startLooking(options: LookOptions): AsyncDisposable {
  const ending = new AbortController()
  const looking = lookForEver(options, ending.signal)
  return {
    async [Symbol.asyncDispose]() {
      ending.abort()
      await looking
      await lastLook(options)
    },
  }
}

async function lookForEver(options: LookOptions, signal: AbortSignal): Promise<void> {
  const { everyMs, log } = options
  // At random places of the period, so that instances do not do the same at the same time.
  const nextMs = (isFirst: boolean): number =>
    (isFirst ? Math.min(everyMs, FIRST_LOOK_MS) : everyMs) * (0.8 + 0.4 * Math.random())
  for (let isFirst = true; await wait(nextMs(isFirst), signal); isFirst = false) {
    try {
      await untilAborted(look(options), signal)
    } catch (error) {
      if (!signal.aborted) log.warn({ error: String(error) }, 'look failed')
    }
  }
}

async function lastLook(options: LookOptions): Promise<void> {
  const signal = AbortSignal.timeout(LAST_LOOK_MS)
  try {
    await untilAborted(look(options), signal)
    // The server may not have read the last acknowledgements when it answered.
    await wait(ACKS_MS, signal)
    await untilAborted(look(options), signal)
  } catch (error) {
    options.log.warn({ error: String(error) }, 'last look failed')
  }
}

async function look(options: LookOptions): Promise<void> {
  const { manager, deadLetters, failedAttempts } = options
  await failedAttempts.catchUp()
  for (const stream of EVENT_STREAMS) {
    try {
      await lookAt(options, stream)
    } catch (error) {
      // Told once, by who watches the streams. It may be given back from a copy, so nothing that is
      // known of its consumers is forgotten.
      if (!isStreamMissing(error)) throw error
    }
  }
  // Last, as it is missed by nobody: its stream may be away while events go on.
  await deadLetters.look(manager)
}

async function lookAt(options: LookOptions, stream: EventStream): Promise<void> {
  const { manager, lossWatch, expireRetries, standings, failedAttempts } = options
  const found = new Map<string, ConsumerInfo>()
  for await (const consumer of manager.consumers.list(stream)) {
    const id = webhookIdOfConsumer(consumer)
    if (id !== undefined) found.set(id, consumer)
  }
  const { state } = await manager.streams.info(stream)
  for (const feed of lossWatch.feeds()) {
    if (streamOfFeed(feed) !== stream) continue
    const id = webhookIdOfFeed(feed)
    // A list leaves out what has no leader at the moment.
    const consumer = found.get(id) ?? (await findDurable(manager, feed))
    if (!consumer) {
      await forget(options, feed)
      continue
    }
    const notedCount = failedAttempts.notedCount(feed)
    const { first_seq: firstSeq, last_seq: lastSeq } = state
    const facts: Facts = { consumer, firstSeq, lastSeq, notedCount }
    await standings.look(manager, feed, facts)
    await lossWatch.look(feed, facts)
    await expireRetries(feed, facts)
  }
}

/** The consumer is gone, and so the webhook is, or it is made anew. */
async function forget(
  { lossWatch, standings, failedAttempts, books }: LookOptions,
  feed: string,
): Promise<void> {
  lossWatch.end(feed)
  standings.end(feed)
  for (const seq of books.waitingOf(feed).keys()) await failedAttempts.forget(feed, seq)
  books.close(feed)
}

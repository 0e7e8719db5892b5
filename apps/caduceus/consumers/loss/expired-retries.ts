/** Events that waited for a retry when retention took them: nobody will try them again. */
import type { Books } from '#apps/caduceus/delivery/books.ts'
import type { FailedAttempts } from '#apps/caduceus/delivery/failed-attempts.ts'
import { streamOfFeed, webhookIdOfFeed } from '#apps/caduceus/feed.ts'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import { RETENTION_REASONS } from '#apps/caduceus/reasons.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Facts } from './place.ts'

/** What {@link createExpiredRetries} needs. */
export interface ExpiredRetriesOptions {
  failedAttempts: FailedAttempts
  books: Books
  /** An event that was removed may still be in somebody's hand for so long. */
  inHandMs: number
  metrics: Metrics
  log: Logger
}

/** Looks through what waits of a feed. @throws the client's errors. */
export type ExpireRetries = (feed: string, facts: Facts) => Promise<void>

/** Nothing seen yet. */
export function createExpiredRetries(options: ExpiredRetriesOptions): ExpireRetries {
  const { failedAttempts, books, inHandMs, metrics, log } = options
  /** By note, since when its event is gone. */
  const goneSince = new Map<string, number>()
  return async (feed, { consumer, firstSeq }) => {
    const start = consumer.config.opt_start_seq ?? 0
    let lostCount = 0
    for (const [seq, revision] of books.waitingOf(feed)) {
      if (seq >= firstSeq && seq >= start) continue
      const note = `${feed}.${seq}.${revision}`
      const sinceMs = goneSince.get(note) ?? Date.now()
      goneSince.set(note, sinceMs)
      if (Date.now() - sinceMs < inHandMs) continue
      goneSince.delete(note)
      if (!(await failedAttempts.expire(feed, seq, revision))) continue
      // One from before the consumer was made is no event of this registration.
      if (seq < start) continue
      books.expireWaiting(feed, seq)
      lostCount += 1
    }
    if (lostCount === 0) return
    const stream = streamOfFeed(feed)
    metrics.dropped.inc({ reason: RETENTION_REASONS[stream] }, lostCount)
    const said = {
      webhookId: webhookIdOfFeed(feed),
      stream,
      lostCount,
      isExact: true,
      waitedForRetry: true,
    }
    log.warn(said, 'events ran out before their delivery')
  }
}

/** Events that waited for a retry when retention took them: nobody will try them again. */
import type { Books } from '#apps/caduceus/delivery/books.ts'
import type { FailedAttempts } from '#apps/caduceus/delivery/failed-attempts.ts'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Facts } from './place.ts'

/** What {@link createExpiredRetries} needs. */
export interface ExpiredRetriesOptions {
  failedAttempts: FailedAttempts
  books: Books
  /** An event that was removed may still be in somebody's hand for so long. */
  attemptMs: number
  metrics: Metrics
  log: Logger
}

/** Looks through what waits for a webhook. @throws the client's errors. */
export type ExpireRetries = (webhookId: string, facts: Facts) => Promise<void>

/** Nothing seen yet. */
export function createExpiredRetries(options: ExpiredRetriesOptions): ExpireRetries {
  const { failedAttempts, books, attemptMs, metrics, log } = options
  /** By note, since when its event is gone. */
  const goneSince = new Map<string, number>()
  return async (webhookId, { consumer, firstSeq }) => {
    const start = consumer.config.opt_start_seq ?? 0
    let lostCount = 0
    for (const [seq, revision] of books.waitingOf(webhookId)) {
      if (seq >= firstSeq && seq >= start) continue
      const note = `${webhookId}.${seq}.${revision}`
      const sinceMs = goneSince.get(note) ?? Date.now()
      goneSince.set(note, sinceMs)
      if (Date.now() - sinceMs < attemptMs) continue
      goneSince.delete(note)
      if (!(await failedAttempts.expire(webhookId, seq, revision))) continue
      // One from before the consumer was made is no event of this registration.
      if (seq < start) continue
      books.expireWaiting(webhookId, seq)
      lostCount += 1
    }
    if (lostCount === 0) return
    metrics.dropped.inc({ reason: 'retention' }, lostCount)
    const said = { webhookId, lostCount, isExact: true, waitedForRetry: true }
    log.warn(said, 'events ran out before their delivery')
  }
}

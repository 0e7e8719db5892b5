/**
 * How often the attempts at an event failed, where that outlives every process: one small entry in
 * the bucket WEBHOOK_STATE for each event that waits for a retry. JetStream counts deliveries, and
 * one that ended with a killed process says nothing about the receiver. An event that is delivered
 * at its first attempt costs nothing here.
 */
import { parseRetryKey, retryKey, type WebhookState } from '#apps/caduceus/webhook-state.ts'
import type { Logger } from '#libs/log/logger.ts'
import { isOvertaken, type Bucket } from '#libs/nats/bucket/bucket.ts'
import type { Books } from './books.ts'

/** The entries. Disposing ends the watch. */
export interface FailedAttempts extends AsyncDisposable {
  /**
   * How many attempts at the event failed. One whose process was killed before it noted it is not
   * among them. @throws the client's error when NATS does not say.
   */
  countOf(feed: string, seq: number): Promise<number>
  /** How many events of the feed have a note, in hand or waiting. */
  notedCount(feed: string): number
  /** Writes the number down; resolves with the revision. @throws when it was not stored. */
  note(feed: string, seq: number, failedCount: number): Promise<number>
  /** The event waits no longer. Never throws: what could not be taken away now is later. */
  forget(feed: string, seq: number): Promise<void>
  /**
   * Takes away an entry of this revision, and says whether it was this instance that did: of
   * several, one. @throws the client's error when NATS does not answer.
   */
  expire(feed: string, seq: number, revision: number): Promise<boolean>
  /** Tries again what {@link forget} could not. Never throws. */
  catchUp(): Promise<void>
}

/** What {@link openFailedAttempts} needs. */
export interface FailedAttemptsOptions {
  bucket: Bucket<WebhookState>
  books: Books
  log: Logger
}

/** Tells the books what waits, for as long as it runs; resolves when what is there is known. */
export async function openFailedAttempts({
  bucket,
  books,
  log,
}: FailedAttemptsOptions): Promise<FailedAttempts> {
  const known = new Map<string, Map<number, number>>()
  const unforgotten = new Set<string>()
  const ending = new AbortController()
  const { promise: ready, resolve: onReady } = Promise.withResolvers<void>()
  const watching = bucket.watch({
    signal: ending.signal,
    onPut(key, value, revision) {
      const event = parseRetryKey(key)
      if (!event || !('failed' in value)) return
      const { feed, seq } = event
      known.set(feed, (known.get(feed) ?? new Map()).set(seq, value.failed))
      books.waits(feed, seq, revision)
    },
    onGone(key) {
      const event = parseRetryKey(key)
      if (!event) return
      const ofFeed = known.get(event.feed)
      ofFeed?.delete(event.seq)
      if (ofFeed?.size === 0) known.delete(event.feed)
      books.waitsNoMore(event.feed, event.seq)
    },
    onReady,
  })
  await ready

  const forget = async (key: string): Promise<void> => {
    try {
      await bucket.purge(key)
      unforgotten.delete(key)
    } catch (error) {
      unforgotten.add(key)
      log.warn({ key, error: String(error) }, 'failed attempts cannot be forgotten yet')
    }
  }
  return {
    async countOf(feed, seq) {
      const found = (await bucket.get(retryKey(feed, seq)))?.value
      // The replica that answers may be behind what was seen here.
      const seen = known.get(feed)?.get(seq) ?? 0
      return Math.max(found && 'failed' in found ? found.failed : 0, seen)
    },
    notedCount: (feed) => known.get(feed)?.size ?? 0,
    note: (feed, seq, failed) => bucket.put(retryKey(feed, seq), { failed }),
    forget: (feed, seq) => forget(retryKey(feed, seq)),
    async expire(feed, seq, revision) {
      try {
        await bucket.purge(retryKey(feed, seq), revision)
        return true
      } catch (error) {
        if (isOvertaken(error)) return false
        throw error
      }
    },
    async catchUp() {
      for (const key of unforgotten) await forget(key)
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      await watching
    },
  }
}

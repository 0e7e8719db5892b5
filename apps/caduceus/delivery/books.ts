/**
 * What this instance knows of each webhook's events, a book for each of its feeds: those that it took since it started, and those
 * that wait for a retry, whoever tried them. Each step moves one event from one place to another, so
 * at any moment: matched = delivered + pending + waiting + dead + expired.
 */
import { feedsOf } from '#apps/caduceus/feed.ts'

/** Where an event can be. */
export const EVENT_STATES = [
  'matched',
  'delivered',
  'pending',
  'waiting',
  'dead',
  'expired',
] as const

/** How many events of a webhook are where. */
export type EventCounts = Readonly<Record<(typeof EVENT_STATES)[number], number>>

/** What became of an event that was in hand. */
export type Settled =
  | { as: 'delivered' | 'dead' }
  /** With the revision of its note. */
  | { as: 'waiting'; revision: number }
  /** The stream has it back, with nothing noted. */
  | { as: 'returned' }

/** The books of all webhooks. */
export interface Books {
  /** An event that matched is in hand; what is returned says what became of it, once. */
  take(feed: string, seq: number): (settled: Settled) => void
  /** Somebody noted that the event waits for a retry. */
  waits(feed: string, seq: number, revision: number): void
  /** Somebody tried it again to its end, or it was given up. */
  waitsNoMore(feed: string, seq: number): void
  /** An event that waited was taken by retention, and it is this instance that tells. */
  expireWaiting(feed: string, seq: number): void
  /** So were events that nobody had taken. */
  expireUntaken(feed: string, count: number): void
  /** Those of a feed that wait, each with the revision of its note. */
  waitingOf(feed: string): ReadonlyMap<number, number>
  /** Of all feeds of the webhook. */
  countsOf(webhookId: string): EventCounts
  /** The feed is gone. */
  close(feed: string): void
}

/** Empty books. */
export function createBooks(): Books {
  const books = new Map<string, Book>()
  const bookOf = (feed: string): Book => {
    const book = books.get(feed) ?? new Book()
    books.set(feed, book)
    return book
  }
  return {
    take: (feed, seq) => bookOf(feed).take(seq),
    waits: (feed, seq, revision) => bookOf(feed).waits(seq, revision),
    waitsNoMore: (feed, seq) => bookOf(feed).waitsNoMore(seq),
    expireWaiting(feed, seq) {
      const book = bookOf(feed)
      book.waitsNoMore(seq)
      book.expire(1)
    },
    expireUntaken: (feed, count) => bookOf(feed).expire(count),
    waitingOf: (feed) => bookOf(feed).waiting,
    countsOf: (webhookId) => sum(feedsOf(webhookId).map((feed) => bookOf(feed).counts())),
    close: (feed) => void books.delete(feed),
  }
}

const sum = (all: readonly EventCounts[]): EventCounts =>
  Object.fromEntries(
    EVENT_STATES.map((state) => [state, all.reduce((count, each) => count + each[state], 0)]),
  ) as EventCounts

/** Of one feed. */
class Book {
  #matched = 0
  #delivered = 0
  #dead = 0
  #expired = 0
  #pending = 0
  /** How often each event is in hand: after an acknowledgement that came late, more than once. */
  readonly #inHand = new Map<number, number>()
  readonly waiting = new Map<number, number>()

  take(seq: number): (settled: Settled) => void {
    const notedBefore = this.waiting.get(seq)
    if (!this.waiting.delete(seq)) this.#matched += 1
    this.#pending += 1
    this.#inHand.set(seq, (this.#inHand.get(seq) ?? 0) + 1)
    return (settled) => {
      this.#letGo(seq)
      if (settled.as === 'delivered') this.#delivered += 1
      else if (settled.as === 'dead') this.#dead += 1
      else {
        this.#matched -= 1
        const revision = settled.as === 'waiting' ? settled.revision : notedBefore
        if (revision !== undefined) this.waits(seq, revision)
      }
    }
  }

  waits(seq: number, revision: number): void {
    // What is in hand here is counted there, once.
    if (this.#inHand.has(seq)) return
    if (!this.waiting.has(seq)) this.#matched += 1
    this.waiting.set(seq, Math.max(revision, this.waiting.get(seq) ?? 0))
  }

  waitsNoMore(seq: number): void {
    if (this.waiting.delete(seq)) this.#matched -= 1
  }

  expire(count: number): void {
    this.#matched += count
    this.#expired += count
  }

  counts(): EventCounts {
    return {
      matched: this.#matched,
      delivered: this.#delivered,
      pending: this.#pending,
      waiting: this.waiting.size,
      dead: this.#dead,
      expired: this.#expired,
    }
  }

  #letGo(seq: number): void {
    this.#pending -= 1
    const times = (this.#inHand.get(seq) ?? 1) - 1
    if (times > 0) this.#inHand.set(seq, times)
    else this.#inHand.delete(seq)
  }
}

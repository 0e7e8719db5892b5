/**
 * Counts what retention took before a webhook got it, and tells each loss once, however many
 * instances there are. docs/adr/0021. The rules are in place.ts; here they are asked
 * for and written down. Events that wait with a note of a failed attempt are in expired-retries.ts.
 */
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import type { Books } from '#apps/caduceus/delivery/books.ts'
import type { FailedAttempts } from '#apps/caduceus/delivery/failed-attempts.ts'
import { streamOfFeed, webhookIdOfFeed } from '#apps/caduceus/feed.ts'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import { RETENTION_REASONS } from '#apps/caduceus/reasons.ts'
import { placeKey, type Place, type WebhookState } from '#apps/caduceus/webhook-state.ts'
import type { Logger } from '#libs/log/logger.ts'
import { isOvertaken, type Bucket } from '#libs/nats/bucket/bucket.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { askTaken } from './ask-taken.ts'
import { countMatching } from './count-matching.ts'
import { factsOf, sureFacts } from './facts.ts'
import type { Peers } from './peers.ts'
import {
  isBehind,
  isOf,
  isPassed,
  placeAfter,
  placeAtBegin,
  placeNow,
  type Facts,
} from './place.ts'
import { countOf, Taken } from './taken.ts'

/** Watches the feeds that this instance pulls. */
export interface LossWatch {
  /** Before the first pull, so that what was lost while nobody ran is seen. @throws as the client. */
  begin(feed: string, consumer: ConsumerInfo): Promise<void>
  /** What this instance was given; undefined for a feed that it never pulled. */
  takenOf(feed: string): Taken | undefined
  /** Compares what the server says with what was known. @throws the client's errors. */
  look(feed: string, facts: Facts): Promise<void>
  /** The feed is gone. */
  end(feed: string): void
  /** The feeds that are watched. */
  feeds(): Iterable<string>
}

/** What {@link createLossWatch} needs. */
export interface LossWatchOptions {
  nats: Nats
  peers: Peers
  manager: JetStreamManager
  bucket: Bucket<WebhookState>
  failedAttempts: FailedAttempts
  books: Books
  metrics: Metrics
  log: Logger
}

/** Events that were removed and that nobody here was given, as it seems until all were asked. */
interface Suspicion {
  through: number
  count: number
  /** Events of the filter behind it, up to the place's last. */
  behind: number
  /** False where more may have been removed that nobody ever saw. */
  isExact: boolean
}

interface Watched {
  readonly feed: string
  readonly taken: Taken
  place: Place
  unknownCount: number
  suspicion: Suspicion | undefined
  /** Of what is written down. */
  revision: number
  written: Place | undefined
}

/** Nothing watched yet. */
export function createLossWatch(options: LossWatchOptions): LossWatch {
  const all = new Map<string, Watched>()
  return {
    begin: (feed, consumer) => begin(options, all, feed, consumer),
    takenOf: (feed) => all.get(feed)?.taken,
    async look(feed, facts) {
      const watched = all.get(feed)
      if (!watched) return
      if (!isOf(watched.place, facts)) {
        // Made anew, or its filter is another: what was counted before is of no use.
        Object.assign(watched, { place: placeNow(facts), suspicion: undefined, unknownCount: 0 })
      } else if (watched.suspicion) await resolve(options, watched, watched.suspicion, facts)
      else if (isPassed(watched.place, facts)) await suspect(options, watched, facts)
      else await advance(options, watched, facts)
    },
    end: (feed) => void all.delete(feed),
    feeds: () => all.keys(),
  }
}

async function begin(
  options: LossWatchOptions,
  all: Map<string, Watched>,
  feed: string,
  consumer: ConsumerInfo,
): Promise<void> {
  const { bucket } = options
  const entry = await bucket.get(placeKey(feed))
  const known = entry && 'through' in entry.value ? entry.value : undefined
  const facts = await factsOf(options, feed, consumer)
  const { place, unknownCount, abandonedCount } = placeAtBegin(known, facts)
  const watched: Watched = {
    feed,
    taken: all.get(feed)?.taken ?? new Taken(),
    place,
    unknownCount,
    suspicion: undefined,
    revision: entry?.revision ?? 0,
    written: known,
  }
  if (abandonedCount > 0) {
    const { unsettled, floor } = placeNow(facts)
    const settled = { ...place, unsettled, floor }
    if (await write(options, watched, settled)) tell(options, feed, abandonedCount)
  }
  if (isPassed(place, facts)) {
    await suspect(options, watched, facts)
    // Nothing is given to this instance yet, so it need not wait for a look.
    if (watched.suspicion) await resolve(options, watched, watched.suspicion, facts)
  }
  // Not before: a look at the same time would tell the same.
  all.set(feed, watched)
}

/** Nothing was removed that nobody had, so the place is what the server says. */
async function advance(options: LossWatchOptions, watched: Watched, facts: Facts): Promise<void> {
  const sure = watched.place.filter === '' ? facts : await sureFacts(options, watched.feed, facts)
  if (!sure || isPassed(watched.place, sure)) return
  const place = placeAfter(watched.place, sure)
  Object.assign(watched, { place, unknownCount: 0 })
  const { written, taken } = watched
  if (JSON.stringify(place) === JSON.stringify(written && { ...written, last: place.last })) return
  // Whoever asks begins at the place that is written down, or further on.
  if (await write(options, watched, place)) taken.forgetThrough(place.through)
}

async function suspect(
  { manager }: LossWatchOptions,
  watched: Watched,
  { firstSeq }: Facts,
): Promise<void> {
  const through = firstSeq - 1
  const { place, unknownCount } = watched
  if (place.filter === '') {
    const count = Math.max(0, through - place.through - unknownCount)
    watched.suspicion = { through, count, behind: 0, isExact: true }
    return
  }
  const { filter, last } = place
  const stream = streamOfFeed(watched.feed)
  const behind = await countMatching(manager, { stream, filter }, { after: through, last })
  const { state } = await manager.streams.info(stream)
  // More was removed meanwhile: the next look tries again.
  if (behind === undefined || (state.first_seq !== firstSeq && through < last)) return
  const count = Math.max(0, place.behind - behind - unknownCount)
  watched.suspicion = { through, count, behind, isExact: through <= last }
}

/** A look later everybody knows what he was given. */
async function resolve(
  options: LossWatchOptions,
  watched: Watched,
  { through, count, behind, isExact }: Suspicion,
  facts: Facts,
): Promise<void> {
  const { feed, place } = watched
  const entry = await options.bucket.get(placeKey(feed))
  const known = entry && 'through' in entry.value ? entry.value : undefined
  const revision = entry?.revision ?? 0
  if (known && isOf(known, facts) && known.through > place.through) {
    // Another instance has told it, or a part of it.
    Object.assign(watched, { place: known, suspicion: undefined, unknownCount: 0 })
    return
  }
  // Of what lies further on than anybody looked, nobody knows how many were the filter's.
  const countedThrough = isExact ? through : place.last
  const question = { webhook: feed, after: place.through, through: countedThrough }
  const runs = await askTaken(options.nats, question, options.peers)
  if (!runs) return
  const takenCount = countOf(runs)
  const lostCount = Math.max(0, count - takenCount)
  const { deliveries, floor, unsettled } = placeNow(facts)
  const next = { ...place, through, behind, deliveries, floor, unsettled }
  if (!(await write(options, watched, next, revision))) return
  Object.assign(watched, { place: next, suspicion: undefined, unknownCount: 0 })
  if (lostCount > 0) tell(options, feed, lostCount, isExact)
}

/** Says whether it was written; not when another instance was faster. */
async function write(
  { bucket }: LossWatchOptions,
  watched: Watched,
  place: Place,
  revision = watched.revision,
): Promise<boolean> {
  const key = placeKey(watched.feed)
  try {
    watched.revision = await (revision > 0
      ? bucket.update(key, place, revision)
      : bucket.create(key, place))
    watched.written = place
    return true
  } catch (error) {
    if (!isOvertaken(error)) throw error
    const entry = await bucket.get(key)
    watched.revision = entry?.revision ?? 0
    const known = entry && 'through' in entry.value ? entry.value : undefined
    // Whoever wrote it has forgotten what he was given before it.
    if (known && isBehind(watched.place, known)) {
      Object.assign(watched, { place: known, written: known, suspicion: undefined })
    }
    return false
  }
}

function tell(
  { books, metrics, log }: LossWatchOptions,
  feed: string,
  lostCount: number,
  isExact = true,
): void {
  const stream = streamOfFeed(feed)
  metrics.dropped.inc({ reason: RETENTION_REASONS[stream] }, lostCount)
  books.expireUntaken(feed, lostCount)
  log.warn(
    { webhookId: webhookIdOfFeed(feed), stream, lostCount, isExact },
    'events ran out before their delivery',
  )
}

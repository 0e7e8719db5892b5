/**
 * How far a webhook is in the stream, and from that how many events retention took before anybody
 * had them. Only rules; the questions are in retention-loss.ts. Nothing here trusts what the server
 * says of a consumer's place once something was removed behind it: a purge moves the place as if
 * everything up to it had been given out.
 */
import type { ConsumerInfo } from '@nats-io/jetstream'
import type { Place } from '#apps/caduceus/webhook-state.ts'

/** What the server says; the stream was asked after the consumer. */
export interface Facts {
  consumer: ConsumerInfo
  /** All events before this one were removed. */
  firstSeq: number
  lastSeq: number
  /** How many events wait with a note of their failed attempts. */
  notedCount: number
}

/** Where to go on from when nobody here has seen the consumer before. */
export interface Beginning {
  place: Place
  /** Events behind the place that others may have had, who cannot be asked any more. */
  unknownCount: number
  /** Events that a process had in hand when it died, and that were removed since. */
  abandonedCount: number
}

/** Whether events were removed that nobody had, as far as the place knows. */
export const isPassed = (place: Place, { firstSeq }: Facts): boolean => firstSeq - 1 > place.through

/** Whether the place is one of this consumer as it is. */
export const isOf = (place: Place, { consumer }: Facts): boolean =>
  place.created === consumer.created && place.filter === filterOf(consumer)

/** Whether another instance's place of the same consumer is further on. */
export const isBehind = (place: Place, other: Place): boolean =>
  place.created === other.created && place.filter === other.filter && place.through < other.through

/**
 * The next place after one behind which nothing was removed. Retention leaves the consumer's own
 * place where it was, so that may be before what was told as lost already.
 */
export function placeAfter(place: Place, facts: Facts): Place {
  const now = placeNow(facts)
  return { ...now, through: Math.max(place.through, now.through) }
}

/** The place as the server says it; true only while nothing behind the last place was removed. */
export function placeNow({ consumer, lastSeq, notedCount }: Facts): Place {
  return {
    created: consumer.created,
    filter: filterOf(consumer),
    through: consumer.delivered.stream_seq,
    deliveries: consumer.delivered.consumer_seq,
    behind: consumer.num_pending,
    last: lastSeq,
    floor: consumer.ack_floor.stream_seq,
    unsettled: Math.max(0, consumer.num_ack_pending - notedCount),
  }
}

/**
 * The place of a consumer that this instance begins to pull from. @param known what was written
 * down of it.
 */
export function placeAtBegin(known: Place | undefined, facts: Facts): Beginning {
  const now = placeNow(facts)
  const removedThrough = facts.firstSeq - 1
  const before = known && placeOfPredecessor(known, facts)
  if (before) {
    // Whatever was given out since lies behind what is removed, or is somebody's who can be asked.
    const place = isPassed(before, facts) ? before : placeAfter(before, facts)
    return { place, unknownCount: 0, abandonedCount: 0 }
  }
  const place = known && isOf(known, facts) ? known : placeOfUnknown(facts)
  const givenOutCount = Math.max(0, now.deliveries - place.deliveries)
  // What was given out since would have been settled by others, who say so themselves.
  const isUntouched = givenOutCount === 0 && removedThrough > place.floor
  const abandonedCount = isUntouched ? Math.max(0, place.unsettled - now.unsettled) : 0
  if (!isPassed(place, facts) || now.through > removedThrough) {
    return { place: placeAfter(place, facts), unknownCount: 0, abandonedCount }
  }
  // Retention alone leaves the place where it was until the next event is given out.
  if (now.through < removedThrough && place.filter === '') {
    const through = Math.max(place.through, now.through)
    return { place: { ...place, through }, unknownCount: 0, abandonedCount }
  }
  return { place, unknownCount: givenOutCount, abandonedCount }
}

/**
 * What was written down of a consumer that this one was made in place of, for the same registration:
 * what was given out then is no loss now, and all else is.
 */
function placeOfPredecessor(known: Place, facts: Facts): Place | undefined {
  const { created, config } = facts.consumer
  const { opt_start_time: start } = config
  const isPredecessor =
    start !== undefined &&
    !isOf(known, facts) &&
    Date.parse(known.created) >= Date.parse(start) &&
    known.filter === filterOf(facts.consumer) &&
    // In a stream that was made anew sequences say nothing.
    known.last <= facts.lastSeq
  return isPredecessor ? { ...known, created, deliveries: 0, unsettled: 0 } : undefined
}

/** Nothing was written down: a new consumer owes everything from its start, of others none knows. */
function placeOfUnknown(facts: Facts): Place {
  const now = placeNow(facts)
  const { opt_start_seq: start } = facts.consumer.config
  if (start === undefined || now.deliveries > 0) return now
  return { ...now, through: Math.max(0, start - 1) }
}

/** Two answers of the server between which no event of the filter came and none was given out. */
export const isSame = (one: ConsumerInfo, other: ConsumerInfo): boolean =>
  one.created === other.created &&
  one.num_pending === other.num_pending &&
  one.delivered.consumer_seq === other.delivered.consumer_seq &&
  one.delivered.stream_seq === other.delivered.stream_seq

const filterOf = ({ config }: ConsumerInfo): string => config.filter_subject ?? ''

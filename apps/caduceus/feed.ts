/**
 * A feed is one stream of events as one webhook reads it: it has a consumer, a place and notes of
 * its own there, as sequences of different streams say nothing of each other. Its id is the
 * webhook's for EVENTS, so what was kept when there was that stream only still counts.
 */
import {
  EVENT_STREAMS,
  EVENTS_LOW_STREAM,
  EVENTS_STREAM,
  type EventStream,
} from '#libs/nats/stream/event-streams.ts'

/** Behind the id of a webhook, which is hexadecimal. */
const LOW_SUFFIX = '_low'

/** The id of a webhook's feed from a stream. */
export const feedOf = (webhookId: string, stream: string): string =>
  stream === EVENTS_LOW_STREAM ? `${webhookId}${LOW_SUFFIX}` : webhookId

/** All feeds of a webhook. */
export const feedsOf = (webhookId: string): string[] =>
  EVENT_STREAMS.map((stream) => feedOf(webhookId, stream))

/** Which stream a feed is from. */
export const streamOfFeed = (feed: string): EventStream =>
  feed.endsWith(LOW_SUFFIX) ? EVENTS_LOW_STREAM : EVENTS_STREAM

/** Whose feed it is. */
export const webhookIdOfFeed = (feed: string): string =>
  feed.endsWith(LOW_SUFFIX) ? feed.slice(0, -LOW_SUFFIX.length) : feed

/**
 * What is kept of webhooks besides their registrations, in the bucket WEBHOOK_STATE: for each event
 * that waits for a retry how often it failed, and for each feed of a webhook the place up to which is
 * known what retention took.
 */
import { z } from 'zod'
import type { Logger } from '#libs/log/logger.ts'
import { openBucket, type Bucket } from '#libs/nats/bucket/bucket.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'

/** The bucket's name. */
export const WEBHOOK_STATE_BUCKET = 'WEBHOOK_STATE'

const RETRY_PREFIX = 'retry.'

/** Of one event. */
const retry = z.object({
  /** Attempts that were made and failed. */
  failed: z.number().int().positive(),
})

/** Of one feed; a place counts for the consumer that was made at that time only. */
const place = z.object({
  /** When the consumer was made, as the server writes it. */
  created: z.string(),
  /** The subject that it is limited to; empty for none. */
  filter: z.string(),
  /** All events up to this place of the stream were given out, or told as lost. */
  through: z.number().int().nonnegative(),
  /** How many deliveries there had been. */
  deliveries: z.number().int().nonnegative(),
  /** How many of the filter's events the stream held behind `through`, up to `last`. */
  behind: z.number().int().nonnegative(),
  last: z.number().int().nonnegative(),
  /** Up to here in the stream every event was settled. */
  floor: z.number().int().nonnegative(),
  /** Events that were given out and neither settled nor noted as failed. */
  unsettled: z.number().int().nonnegative(),
})

/** How far a webhook is in a stream. */
export type Place = z.infer<typeof place>

/** One entry. */
export type WebhookState = z.infer<typeof retry> | Place

const state = z.union([place, retry])

/** Opens the bucket. */
export function openWebhookState(nats: Nats, log: Logger): Promise<Bucket<WebhookState>> {
  return openBucket(nats, WEBHOOK_STATE_BUCKET, { parse: (json) => state.parse(json), log })
}

/** The key of an event that waits for a retry. */
export const retryKey = (feed: string, seq: number): string => `${RETRY_PREFIX}${feed}.${seq}`

/** The key of a feed's place. */
export const placeKey = (feed: string): string => `place.${feed}`

/** Which feed's event a key is of; undefined for a key of another kind. */
export function parseRetryKey(key: string): { feed: string; seq: number } | undefined {
  if (!key.startsWith(RETRY_PREFIX)) return undefined
  const [feed = '', seq = ''] = key.slice(RETRY_PREFIX.length).split('.')
  return { feed, seq: Number(seq) }
}

/** The bucket TALARIAS: which Talarias there are, as they announce themselves and Petasos reads. */
import { z } from 'zod'
import type { Logger } from '#libs/log/logger.ts'
import { openBucket, type Bucket } from './bucket.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'

/** The bucket's name. */
export const TALARIAS_BUCKET = 'TALARIAS'

/** How long an entry counts without being put again. The bucket's own time to live is the same. */
export const TALARIA_LEASE_MS = 15_000

/**
 * What a device is sent to, and so is written into a header: http or https, and nothing but what a
 * URL is written with. An entry with anything else is not read, and nobody is sent there.
 */
const deviceUrl = z.url({ protocol: /^https?$/ }).regex(/^https?:\/\/[\u0021-\u007e]+$/i)

/** The shape of an entry. */
export const talariaEntry = z.object({
  /** Where devices connect: the base that Petasos puts in front of the path. */
  url: deviceUrl,
  /** The same for devices inside the deployment's own network, where `url` may lead nowhere. */
  internalUrl: deviceUrl.optional(),
  region: z.string(),
  /** Its share of the devices, relative to the others'. */
  weight: z.number().positive(),
  /** When its process started, ISO 8601. */
  started: z.string(),
  /** How many devices it holds. */
  devices: z.number().int().nonnegative(),
  /** It keeps the devices that it has and wants no more. */
  draining: z.boolean(),
})

/** One live Talaria; the bucket's key is its id. */
export type TalariaEntry = z.infer<typeof talariaEntry>

/** Opens the bucket. Unknown fields of a newer version are passed over. */
export function openTalarias(nats: Nats, log: Logger): Promise<Bucket<TalariaEntry>> {
  return openBucket(nats, TALARIAS_BUCKET, { parse: (json) => talariaEntry.parse(json), log })
}

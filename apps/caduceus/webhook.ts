/** A registration as it is kept in the bucket WEBHOOKS; the key is its id, {@link webhookIdOf}. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Logger } from '#libs/log/logger.ts'
import { openBucket, type Bucket } from '#libs/nats/bucket/bucket.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { openSecret, sealedSecret, sealSecret, type SecretKey } from './secret-keys.ts'

/** The bucket's name. */
export const WEBHOOKS_BUCKET = 'WEBHOOKS'

/** Stands for every partner in a list of partners. api.md B3. */
export const ANY_PARTNER = '*'

/** What the owner asked for, with upstream's own keys and without what it derives. */
const hook = z.object({
  registered_from_address: z.string(),
  config: z.object({
    url: z.string(),
    content_type: z.string(),
    secret: z.string().optional(),
    alt_urls: z.array(z.string()).optional(),
  }),
  failure_url: z.string(),
  events: z.array(z.string()),
  matcher: z.object({ device_id: z.array(z.string()) }),
})

const webhook = z.object({
  /** Who registered it, as `ownerOf` has it; nobody else may change it. */
  owner: z.string(),
  /** Whose events it gets; {@link ANY_PARTNER} stands for all. */
  partnerIds: z.array(z.string()),
  /** Milliseconds since 1970. */
  registeredAtMs: z.number(),
  /** From when on nothing is delivered, milliseconds since 1970. */
  untilMs: z.number(),
  hook,
})

/** What the owner asked for. */
export type Hook = z.infer<typeof hook>

/** A registration. */
export type Webhook = z.infer<typeof webhook>

/**
 * Lower-case hex SHA-256 of owner and URL: nobody can take a URL from another by being first. The
 * URL is as given, as upstream: a slash more is another webhook.
 */
export const webhookIdOf = (owner: string, url: string): string =>
  sha256Of(JSON.stringify([owner, url]))

/** Upstream's id, of the URL alone: what its API takes, and the id of webhooks from before owners. */
export const urlIdOf = (url: string): string => sha256Of(url)

const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A URL fit to be shown: a query often holds a token. A user or password no webhook's URL has. */
export const withoutQuery = (url: string): string => url.replace(/[?#].*$/s, '')

/** As it is kept: with the secret sealed. Before there were keys it lay there as it is. */
const keptWebhook = webhook.extend({
  hook: hook.extend({
    config: hook.shape.config.extend({ sealed_secret: sealedSecret.optional() }),
  }),
})

/** Opens the bucket, in which secrets lie under `keys`; what has none is read as before. */
export function openWebhooks(
  nats: Nats,
  { keys, log }: { keys: readonly SecretKey[]; log: Logger },
): Promise<Bucket<Webhook>> {
  const parse = (json: unknown): Webhook => {
    const kept = keptWebhook.parse(json)
    const { sealed_secret: sealed, ...config } = kept.hook.config
    if (sealed) config.secret = openSecret(keys, sealed, config.url)
    return { ...kept, hook: { ...kept.hook, config } }
  }
  const format = (value: Webhook): unknown => {
    const { secret, ...config } = value.hook.config
    if (!secret) return value
    // One that has ended signs nothing any more.
    const isOver = value.untilMs <= Date.now()
    if (isOver) return { ...value, hook: { ...value.hook, config } }
    const sealed = { ...config, sealed_secret: sealSecret(keys, secret, config.url) }
    return { ...value, hook: { ...value.hook, config: sealed } }
  }
  return openBucket(nats, WEBHOOKS_BUCKET, { parse, format, log })
}

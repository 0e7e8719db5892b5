/** Keeps a registration: its consumers first, then the record, so that a 200 means "from now on". */
import type { JetStreamManager } from '@nats-io/jetstream'
import { DurableTakenError, ensureDurables } from '#apps/caduceus/consumers/durable/durable.ts'
import type { DurableLimits } from '#apps/caduceus/consumers/durable/durable-config.ts'
import type { Webhooks } from '#apps/caduceus/consumers/webhooks.ts'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { AddressGuard } from '#apps/caduceus/delivery/receiver/addresses.ts'
import { bare } from '#apps/caduceus/delivery/receiver/dial.ts'
import type { Resolver } from '#apps/caduceus/delivery/receiver/resolver.ts'
import { urlIdOf, webhookIdOf, withoutQuery, type Webhook } from '#apps/caduceus/webhook.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Bucket, BucketEntry } from '#libs/nats/bucket/bucket.ts'
import { EVENTS_LOW_STREAM } from '#libs/nats/stream/event-streams.ts'
import { wait } from '#libs/retry/wait.ts'
import type { Quotas } from './quota.ts'
import { RegisterError } from './register-error.ts'
import { urlsOf } from './check-hook.ts'
import { invalid } from './registration-error.ts'

/** A name that takes longer to resolve will not do at delivery either. */
const LOOKUP_MS = 3_000

/** What {@link createRegister} needs. */
export interface RegisterOptions {
  bucket: Bucket<Webhook>
  manager: JetStreamManager
  webhooks: Webhooks
  guard: AddressGuard
  resolver: Resolver
  limits: DurableLimits
  webhooksMax: number
  quotas: Quotas
  /** Whether there is a key to seal secrets with. */
  keepsSecrets: boolean
  metrics: Pick<Metrics, 'cutOffs'>
  log: Logger
}

/** Keeps a registration and resolves with its id; `isOwn` says which webhooks are its owner's. */
export type Register = (webhook: Webhook, isOwn: (owner: string) => boolean) => Promise<string>

/**
 * Makes {@link Register}. It throws {@link RegisterError}, RegistrationError for a URL whose host
 * may not be dialled, and the client's errors when NATS does not keep it.
 */
export function createRegister(options: RegisterOptions): Register {
  const { bucket, webhooks, webhooksMax, quotas, keepsSecrets, log } = options
  return async (webhook, isOwn) => {
    const { hook } = webhook
    if (hook.config.secret && !keepsSecrets) {
      throw new RegisterError(
        'SECRET_UNSEALED',
        'config.secret: this Caduceus has no key to keep it under: set CADUCEUS_SECRET_KEYS',
      )
    }
    await checkHosts(webhook, options)
    const { id, found } = await find(bucket, webhook, isOwn)
    if (!found && webhooks.count >= webhooksMax) {
      throw new RegisterError('TOO_MANY_WEBHOOKS', `there are ${webhooksMax} webhooks already`)
    }
    using _ = quotas.enter(id, webhook, isOwn)
    const isAlive = webhook.untilMs > Date.now()
    if (isAlive) await ensureConsumers(options, id, webhook)
    // Only over what was read: of two registrations at the same moment one is told "yes".
    const revision = found
      ? await bucket.update(id, webhook, found.revision)
      : await bucket.create(id, webhook)
    // A sweep that was under way may have removed the consumers meanwhile.
    if (isAlive) await ensureConsumers(options, id, webhook)
    webhooks.apply(id, webhook, revision)
    log.info({ webhookId: id, url: withoutQuery(hook.config.url) }, 'webhook registered')
    return id
  }
}

/** One that was registered when the id was the URL's alone keeps it, and so its consumer and place. */
async function find(
  bucket: Bucket<Webhook>,
  { owner, hook }: Webhook,
  isOwn: (owner: string) => boolean,
): Promise<{ id: string; found: BucketEntry<Webhook> | undefined }> {
  const { url } = hook.config
  for (const id of [urlIdOf(url), webhookIdOf(owner, url)]) {
    const found = await bucket.get(id)
    if (found && isOwn(found.value.owner)) return { id, found }
    if (!found && (await bucket.has(id))) {
      // Whose it is cannot be read either, so nobody may write over it.
      throw new RegisterError(
        'ENTRY_UNREADABLE',
        'config.url is registered in a form that this version cannot read',
      )
    }
  }
  return { id: webhookIdOf(owner, url), found: undefined }
}

async function ensureConsumers(
  { manager, limits, metrics, log }: RegisterOptions,
  id: string,
  webhook: Webhook,
): Promise<void> {
  try {
    if ((await ensureDurables(manager, id, webhook, limits)) !== 'remade') return
    log.error({ webhookId: id, stream: EVENTS_LOW_STREAM }, 'consumer was missing and is made anew')
    metrics.cutOffs.inc({ reason: 'consumer-missing' })
  } catch (error) {
    if (!(error instanceof DurableTakenError)) throw error
    throw new RegisterError(
      'CONSUMER_TAKEN',
      "config.url: the hash of it begins as another webhook's; any query added to it makes another",
    )
  }
}

async function checkHosts(
  { hook, owner }: Webhook,
  { guard, resolver }: RegisterOptions,
): Promise<void> {
  await Promise.all(
    urlsOf(hook).map(async ([field, url]) => {
      const hostname = bare(new URL(url).hostname)
      const late = wait(LOOKUP_MS).then(() => undefined)
      const looking = resolver.resolve(hostname, owner).catch(() => undefined)
      const found = await Promise.race([looking, late])
      if (!found) throw invalid(`${field}: host does not exist`)
      if (!found.some((address) => guard.allows(address))) {
        throw invalid(`${field}: IP is within a blocked subnet`)
      }
    }),
  )
}

/** Keeps a registration: its consumer first, then the record, so that a 200 means "from now on". */
import type { JetStreamManager } from '@nats-io/jetstream'
import {
  DurableTakenError,
  ensureDurable,
  type DurableLimits,
} from '#apps/caduceus/consumers/durable.ts'
import type { Webhooks } from '#apps/caduceus/consumers/webhooks.ts'
import type { AddressGuard } from '#apps/caduceus/delivery/addresses.ts'
import { addressesOf } from '#apps/caduceus/delivery/dial.ts'
import { webhookIdOf, withoutQuery, type Hook, type Webhook } from '#apps/caduceus/webhook.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Bucket } from '#libs/nats/bucket.ts'
import { wait } from '#libs/retry/wait.ts'
import { invalid, urlsOf } from './registration.ts'

/** A name that takes longer to resolve will not do at delivery either. */
const LOOKUP_MS = 3_000

/** A registration is not kept, for a reason that its sender can do something about. */
export class RegisterError extends Error {
  override readonly name = 'RegisterError'
  readonly code:
    | 'OWNED_BY_ANOTHER'
    | 'TOO_MANY_WEBHOOKS'
    | 'CONSUMER_TAKEN'
    | 'ENTRY_UNREADABLE'
    | 'SECRET_UNSEALED'

  constructor(code: RegisterError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** What {@link createRegister} needs. */
export interface RegisterOptions {
  bucket: Bucket<Webhook>
  manager: JetStreamManager
  webhooks: Webhooks
  guard: AddressGuard
  limits: DurableLimits
  webhooksMax: number
  /** Whether there is a key to seal secrets with. */
  keepsSecrets: boolean
  log: Logger
}

/** Keeps a registration and resolves with its id; `isOwn` says whose the one that is there may be. */
export type Register = (webhook: Webhook, isOwn: (owner: string) => boolean) => Promise<string>

/**
 * Makes {@link Register}. It throws {@link RegisterError}, RegistrationError for a URL whose host
 * may not be dialled, and the client's errors when NATS does not keep it.
 */
export function createRegister(options: RegisterOptions): Register {
  const { bucket, webhooks, guard, webhooksMax, keepsSecrets, log } = options
  return async (webhook, isOwn) => {
    const { hook } = webhook
    const id = webhookIdOf(hook.config.url)
    if (hook.config.secret && !keepsSecrets) {
      throw new RegisterError(
        'SECRET_UNSEALED',
        'config.secret: this Caduceus has no key to keep it under: set CADUCEUS_SECRET_KEYS',
      )
    }
    await checkHosts(hook, guard)
    const found = await bucket.get(id)
    if (found && !isOwn(found.value.owner)) {
      throw new RegisterError('OWNED_BY_ANOTHER', 'config.url is registered by another owner')
    }
    if (!found && (await bucket.has(id))) {
      // Whose it is cannot be read either, so nobody may write over it.
      throw new RegisterError(
        'ENTRY_UNREADABLE',
        'config.url is registered in a form that this version cannot read',
      )
    }
    if (!found && webhooks.count >= webhooksMax) {
      throw new RegisterError('TOO_MANY_WEBHOOKS', `there are ${webhooksMax} webhooks already`)
    }
    const isAlive = webhook.untilMs > Date.now()
    if (isAlive) await ensureConsumer(options, id, webhook)
    // Only over what was read: two owners at the same moment must not both be told "yes".
    const revision = found
      ? await bucket.update(id, webhook, found.revision)
      : await bucket.create(id, webhook)
    // A sweep that was under way may have removed the consumer meanwhile.
    if (isAlive) await ensureConsumer(options, id, webhook)
    webhooks.apply(id, webhook, revision)
    log.info({ webhookId: id, url: withoutQuery(hook.config.url) }, 'webhook registered')
    return id
  }
}

async function ensureConsumer(
  { manager, limits }: RegisterOptions,
  id: string,
  webhook: Webhook,
): Promise<void> {
  try {
    await ensureDurable(manager, id, webhook, limits)
  } catch (error) {
    if (!(error instanceof DurableTakenError)) throw error
    throw new RegisterError(
      'CONSUMER_TAKEN',
      "config.url: the hash of it begins as another webhook's; any query added to it makes another",
    )
  }
}

async function checkHosts(hook: Hook, guard: AddressGuard): Promise<void> {
  await Promise.all(
    urlsOf(hook).map(async ([field, url]) => {
      const { hostname } = new URL(url)
      const late = wait(LOOKUP_MS).then(() => undefined)
      const found = await Promise.race([addressesOf(hostname, guard).catch(() => undefined), late])
      if (!found) throw invalid(`${field}: host does not exist`)
      if (found.length === 0) throw invalid(`${field}: IP is within a blocked subnet`)
    }),
  )
}

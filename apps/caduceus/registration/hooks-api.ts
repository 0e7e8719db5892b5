/** The registration API: `POST /hook` and `GET /hooks`, upstream's; `DELETE /hook/{id}`, ours. */
import { getConnInfo } from '@hono/node-server/conninfo'
import { Hono, type Context } from 'hono'
import { BodyTooLargeError, readBody } from '#apps/caduceus/body.ts'
import type { Callers, CallerEnv } from '#apps/caduceus/callers.ts'
import type { Webhooks } from '#apps/caduceus/consumers/webhooks.ts'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { RegistrationOutcome } from '#apps/caduceus/reasons.ts'
import { ownerOf, type Owns } from '#apps/caduceus/owner.ts'
import { ANY_PARTNER, urlIdOf, withoutQuery, type Webhook } from '#apps/caduceus/webhook.ts'
import { errorResponse } from '#libs/http/error.ts'
import type { Bucket } from '#libs/nats/bucket/bucket.ts'
import type { Quotas } from './quota.ts'
import { RegisterError } from './register-error.ts'
import type { Register } from './register.ts'
import { RegistrationError } from './registration-error.ts'
import { parseRegistration } from './registration.ts'

/** Partners that a Basic caller registers for; more than these no list has. */
const PARTNERS_MAX = 64

/** What a registration that is not kept is counted as and answered with. */
const REFUSALS: Readonly<
  Record<RegisterError['code'], [outcome: RegistrationOutcome, status: number]>
> = {
  TOO_MANY_WEBHOOKS: ['webhooks-max', 503],
  OWNER_WEBHOOKS_MAX: ['owner-webhooks-max', 409],
  OWNER_INSTRUCTIONS_MAX: ['owner-instructions-max', 409],
  CONSUMER_TAKEN: ['consumer-taken', 409],
  ENTRY_UNREADABLE: ['entry-unreadable', 409],
  SECRET_UNSEALED: ['secret-unsealed', 501],
}

/** Says by which id metrics, logs, the consumer and dead letters have the webhook. */
const WEBHOOK_ID_HEADER = 'Xmidt-Webhook-Id'

/** What {@link createHooksApi} needs. */
export interface HooksApiOptions {
  callers: Callers
  owns: Owns
  quotas: Quotas
  /** Owners who see everybody's webhooks. */
  administrators: ReadonlySet<string>
  bodyBytesMax: number
  register: Register
  webhooks: Webhooks
  bucket: Bucket<Webhook>
  metrics: Metrics
  durationMsMax: number
  isHttpAllowed: boolean
}

/** The routes, bare and below `/api/v2`, `/api/v3` and `/api/v4`. */
export function createHooksApi(options: HooksApiOptions): Hono<CallerEnv> {
  const app = new Hono<CallerEnv>()
  for (const base of ['', '/api/v2', '/api/v3', '/api/v4']) {
    const isLenient = base === '/api/v2'
    app.post(`${base}/hook`, options.callers, (c) => post(c, options, isLenient))
    app.get(`${base}/hooks`, options.callers, (c) => list(c, options))
    app.delete(`${base}/hook/:id`, options.callers, (c) => remove(c, options))
  }
  return app
}

async function post(
  c: Context<CallerEnv>,
  options: HooksApiOptions,
  isLenient: boolean,
): Promise<Response> {
  const { register, owns, metrics, bodyBytesMax, durationMsMax, isHttpAllowed } = options
  const refuse = (outcome: RegistrationOutcome, code: number, message: string): Response => {
    metrics.registrations.inc({ outcome })
    return errorResponse(code, message)
  }
  const tooOften = takeChange(c, options)
  if (tooOften) return tooOften
  try {
    const nowMs = Date.now()
    const rules = { nowMs, durationMsMax, isLenient, isHttpAllowed }
    const text = new TextDecoder().decode(await readBody(c, bodyBytesMax))
    const { hook, untilMs, warning } = parseRegistration(text, rules)
    const partnerIds = partnersOf(c)
    if (partnerIds.length === 0) {
      return refuse('partners-missing', 400, 'failed getting partnerIDs: partnerIDs do not exist')
    }
    hook.registered_from_address = peerOf(c)
    const caller = c.get('caller')
    const webhook = { owner: ownerOf(caller), partnerIds, registeredAtMs: nowMs, untilMs, hook }
    const id = await register(webhook, (owner) => owns(caller, owner))
    metrics.registrations.inc({ outcome: 'accepted' })
    return new Response('{"message": "Success"}', {
      headers: {
        'Content-Type': 'application/json',
        [WEBHOOK_ID_HEADER]: id,
        ...(warning !== undefined && { 'X-Xmidt-Warning': asciiOf(warning) }),
      },
    })
  } catch (error) {
    if (error instanceof RegistrationError) return refuse('invalid', 400, error.message)
    if (error instanceof BodyTooLargeError) return refuse('body-too-large', 413, error.message)
    if (!(error instanceof RegisterError)) {
      // NATS is away, or somebody registered the same URL at the same moment: again later.
      return refuse('unavailable', 503, 'failed to add webhook to registry: try again')
    }
    const [outcome, status] = REFUSALS[error.code]
    return refuse(outcome, status, error.message)
  }
}

/** The caller's own webhooks, or all for an administrator and a token for every partner. */
function list(
  c: Context<CallerEnv>,
  { webhooks, owns, administrators }: HooksApiOptions,
): Response {
  const caller = c.get('caller')
  const isForAll = caller.kind === 'jwt' && caller.partners.includes(ANY_PARTNER)
  const seesAll = isForAll || administrators.has(ownerOf(caller))
  const shown = [...webhooks.all()]
    .map(({ webhook }) => webhook)
    .filter(({ owner, untilMs }) => untilMs > Date.now() && (seesAll || owns(caller, owner)))
    .map(toListed)
  return c.json(shown)
}

/** As upstream lists one, but for queries: the duration in nanoseconds, a word instead of the secret. */
function toListed({ hook, registeredAtMs, untilMs }: Webhook): unknown {
  const { secret: _, ...config } = hook.config
  return {
    registered_from_address: hook.registered_from_address,
    config: {
      ...config,
      url: withoutQuery(config.url),
      ...(config.alt_urls && { alt_urls: config.alt_urls.map(withoutQuery) }),
      secret: '<obfuscated>',
    },
    failure_url: withoutQuery(hook.failure_url),
    events: hook.events,
    matcher: hook.matcher,
    duration: (untilMs - registeredAtMs) * 1_000_000,
    until: new Date(untilMs).toISOString(),
  }
}

/** The answer to whoever registers and removes more often than an owner may. */
function takeChange(
  c: Context<CallerEnv>,
  { quotas, metrics }: HooksApiOptions,
): Response | undefined {
  const waitMs = quotas.takeChange(ownerOf(c.get('caller')))
  if (waitMs === undefined) return undefined
  metrics.registrations.inc({ outcome: 'owner-too-often' })
  return errorResponse(429, 'too many registrations and removals: try again later', {
    'Retry-After': String(Math.ceil(waitMs / 1_000)),
  })
}

/** The caller's own webhook that has the id, or whose URL has it as upstream's. */
function ownOf(c: Context<CallerEnv>, { webhooks, owns }: HooksApiOptions) {
  const id = c.req.param('id') ?? ''
  const isOwn = (known: { webhook: Webhook } | undefined): boolean =>
    known !== undefined &&
    known.webhook.untilMs > Date.now() &&
    owns(c.get('caller'), known.webhook.owner)
  const known = webhooks.get(id)
  if (isOwn(known)) return known
  return [...webhooks.all()].find(
    (each) => isOwn(each) && urlIdOf(each.webhook.hook.config.url) === id,
  )
}

async function remove(c: Context<CallerEnv>, options: HooksApiOptions): Promise<Response> {
  const { webhooks, bucket, metrics } = options
  const tooOften = takeChange(c, options)
  if (tooOften) return tooOften
  const known = ownOf(c, options)
  // That somebody else has one is nobody's business.
  if (!known) return errorResponse(404, 'you have no such webhook')
  const { id } = known
  // Ended now; the sweep removes it and its consumer, as it does for one that ran out.
  const webhook = { ...known.webhook, untilMs: Date.now() }
  let revision: number
  try {
    revision = await bucket.update(id, webhook, known.revision)
  } catch {
    // NATS is away, or it was renewed at this moment.
    return errorResponse(503, 'the webhook could not be removed: try again')
  }
  webhooks.apply(id, webhook, revision)
  metrics.registrations.inc({ outcome: 'removed' })
  return new Response(null, { status: 204 })
}

/** A token's partners; a Basic caller names them in a header, or means all. api.md C5. */
function partnersOf(c: Context<CallerEnv>): string[] {
  const caller = c.get('caller')
  const named = (c.req.header('X-Xmidt-Partner-Ids') ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
  return (caller.kind === 'basic' && named.length > 0 ? named : caller.partners).slice(
    0,
    PARTNERS_MAX,
  )
}

function peerOf(c: Context<CallerEnv>): string {
  const { address = '', port, addressType } = getConnInfo(c).remote
  return `${addressType === 'IPv6' ? `[${address}]` : address}:${port ?? ''}`
}

const asciiOf = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?')

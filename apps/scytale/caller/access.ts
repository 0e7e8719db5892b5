/**
 * Who may do what: the credential of a request, with the statuses of upstream's two API versions,
 * and the capabilities of a token. api.md B3 and E.
 */
import type { AuthenticateCaller } from '#libs/auth/caller.ts'
import { allows } from '#libs/auth/capability.ts'
import type { HeaderLookup } from '#libs/http/plain-headers.ts'
import type { ScytaleConfig } from '#apps/scytale/config.ts'
import type { ScytaleMetrics } from '#apps/scytale/metrics.ts'
import { Refusal } from '#apps/scytale/refusal.ts'

/** The versions of the API: v2 differs only in the statuses of a refused credential. */
export type ApiVersion = 'v2' | 'v3'

/** Of a caller whose partners are not looked at. */
const ALL = ['*']

/** What a request may do once it is in. */
export interface Access {
  /** The partners of the token, never empty; undefined where no check is made (Basic, open). */
  partnerIds: readonly string[] | undefined
  /** Whose devices it may reach, as the device's Talaria is told; `*` is all. */
  reach: readonly string[]
}

/** What is judged: `path` is without a query. */
export interface AuthorisedRequest {
  headers: HeaderLookup
  method: string
  path: () => string
}

/** Judges a request by its headers. */
export type Authorise = (request: AuthorisedRequest, version: ApiVersion) => Promise<Access>

/** What {@link createAuthorise} needs. */
export interface AuthoriseOptions {
  authenticate: AuthenticateCaller
  config: ScytaleConfig
  metrics: ScytaleMetrics
}

/** The judge of this API. Its promise rejects with a {@link Refusal}. */
export function createAuthorise({ authenticate, config, metrics }: AuthoriseOptions): Authorise {
  return async (request, version) => {
    const caller = await authenticate(request.headers)
    if (caller.kind === 'refused') {
      throw refusedCredential(caller, version, request.headers.get('authorization'))
    }
    if (caller.kind !== 'jwt') return { partnerIds: undefined, reach: ALL }
    if (caller.partners.length === 0) {
      throw new Refusal(403, 'partners-missing', 'the token names no partner')
    }
    checkCapabilities(caller.capabilities, request, config, metrics)
    if (config.SCYTALE_PARTNER_CHECK === 'off') return { partnerIds: undefined, reach: ALL }
    return { partnerIds: caller.partners, reach: caller.partners }
  }
}

/** v3: 401 with a challenge. v2: 403, and 400 for a header that is no `<scheme> <value>`. */
function refusedCredential(
  { status, message }: { status: number; message: string },
  version: ApiVersion,
  authorization: string | null,
): Refusal {
  if (status === 503) {
    return new Refusal(503, 'keys-unavailable', message, { headers: { 'Retry-After': '2' } })
  }
  if (status !== 401) return new Refusal(status, 'credentials', message)
  if (version === 'v3') {
    return new Refusal(401, 'credentials', message, { headers: { 'WWW-Authenticate': 'Bearer' } })
  }
  const isMalformed = authorization !== null && !/^\S+ +\S/.test(authorization)
  return new Refusal(isMalformed ? 400 : 403, 'credentials', message)
}

function checkCapabilities(
  capabilities: readonly string[],
  request: AuthorisedRequest,
  config: ScytaleConfig,
  metrics: ScytaleMetrics,
): void {
  if (config.SCYTALE_CAPABILITY_CHECK === 'off') return
  const isAllowed = allows(capabilities, {
    prefix: config.SCYTALE_CAPABILITY_PREFIX,
    acceptAllMethod: config.SCYTALE_CAPABILITY_METHOD_ALL,
    method: request.method,
    path: request.path(),
  })
  if (isAllowed) return
  if (config.SCYTALE_CAPABILITY_CHECK === 'enforce') {
    throw new Refusal(403, 'capability-missing', 'no capability of the token allows this request')
  }
  metrics.monitored.inc({ reason: 'capability-missing' })
}

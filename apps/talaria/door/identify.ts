/**
 * Who wants to connect: the name in the headers, the token that must be that device's, and what
 * the device says about itself. talaria.md §2.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { RefusalReason } from '#apps/talaria/reasons.ts'
import { PARTNER_UNKNOWN, type DeviceIdentity } from '#apps/talaria/session/identity.ts'
import { deviceIdOfClaims, partnerIdsOfClaims } from '#libs/auth/claims.ts'
import { AuthError, type AuthErrorCode } from '#libs/auth/error.ts'
import type { Claims, Verifier } from '#libs/auth/verify.ts'
import { deviceToken } from '#libs/nats/subjects.ts'
import { parseDeviceId, type DeviceId } from '#libs/wrp/locator.ts'
import { boundedText, readConvey } from './convey.ts'
import { Refusal } from './refusal.ts'

/** The version of the API, which decides between 401 and 403. */
export type ApiVersion = 'v2' | 'v3'

/** What {@link identify} needs. */
export interface IdentifyOptions {
  verifier: Verifier
  /** Without a token a device is let in, with no claims; one that is shown must be good. */
  isOpen: boolean
}

/** @throws {Refusal} */
export async function identify(
  headers: IncomingHttpHeaders,
  version: ApiVersion,
  options: IdentifyOptions,
): Promise<DeviceIdentity> {
  const id = deviceIdOfHeaders(headers)
  const claims = await claimsOf(headers.authorization, version, options)
  if (claims && deviceIdOfClaims(claims) !== id) {
    throw new Refusal('device-mismatch', 403, 'the token is not for this device')
  }
  const partnerIds = claims ? partnerIdsOfClaims(claims) : []
  return {
    id,
    partnerIds: partnerIds.length > 0 ? partnerIds : [PARTNER_UNKNOWN],
    trust: trustOf(claims?.trust),
    accountId: typeof claims?.accountID === 'string' ? claims.accountID : '',
    convey: readConvey(textOf(headers['x-webpa-convey'])),
    intermediateContext: boundedText(textOf(headers['x-intermediate-context'])),
  }
}

/** @throws {Refusal} 400 for a name that is missing or none. */
export function deviceIdOfHeaders(headers: IncomingHttpHeaders): DeviceId {
  const name = textOf(headers['x-webpa-device-name'])
  const failed = 'failed to extract device ID: '
  if (name === '') {
    throw new Refusal('device-name-missing', 400, `${failed}missing device name header`)
  }
  try {
    const id = parseDeviceId(name)
    // An id that cannot be part of a subject could never be reached.
    deviceToken(id)
    return id
  } catch (error) {
    throw new Refusal('device-name-invalid', 400, `${failed}invalid device name`, { cause: error })
  }
}

async function claimsOf(
  authorization: string | undefined,
  version: ApiVersion,
  { verifier, isOpen }: IdentifyOptions,
): Promise<Claims | undefined> {
  // Genuine Parodus asks for a new token on 403 only, and connects by v2.
  const unauthorised = version === 'v2' ? 403 : 401
  if (!authorization) {
    if (isOpen) return undefined
    // Told 403 it would try again at once and for ever; told 401 it backs off. parodus-observed.md 9.
    throw new Refusal('token-missing', 401, 'missing credentials', { isText: true })
  }
  const [, scheme = '', token = ''] = authorization.match(/^(\S+) +(\S+)$/) ?? []
  if (token === '') throw invalidToken()
  if (scheme.toLowerCase() !== 'bearer') {
    const text = `Unsupported authorization scheme: ${scheme}`
    throw new Refusal('scheme-unsupported', 403, text, { isText: true })
  }
  try {
    return await verifier.verify(token)
  } catch (error) {
    throw refusalOf(error, unauthorised)
  }
}

function refusalOf(error: unknown, unauthorised: number): Refusal {
  if (!(error instanceof AuthError) || error.code === 'KEYS_UNAVAILABLE') {
    // 503 and no judgement: the device keeps its token and comes back later.
    return new Refusal('keys-unavailable', 503, 'tokens cannot be verified now', { cause: error })
  }
  const reason = FETCH_ANOTHER[error.code]
  if (!reason) return invalidToken(error)
  const text = error.code === 'KEY_UNKNOWN' ? 'invalid credentials' : 'bad credentials'
  return new Refusal(reason, unauthorised, text, { isText: true, cause: error })
}

/**
 * Told 400 a genuine device keeps the token until it expires, which may be a day, or never. Of these
 * another token may well be better: after a change of keys, and of a Themis that issued for others
 * or without an end until it was configured anew.
 */
const FETCH_ANOTHER: Readonly<Partial<Record<AuthErrorCode, RefusalReason>>> = {
  KEY_UNKNOWN: 'token-key-unknown',
  TOKEN_EXPIRED: 'token-expired',
  CLAIM_REFUSED: 'token-claims',
}

const invalidToken = (cause?: unknown): Refusal =>
  new Refusal('token-invalid', 400, 'invalid credentials', { isText: true, cause })

const textOf = (value: string | string[] | undefined): string =>
  (Array.isArray(value) ? value[0] : value) ?? ''

function trustOf(value: unknown): number {
  const trust = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof trust === 'number' && Number.isInteger(trust) ? trust : 0
}

/** Whether a device may connect as who it says it is. talaria.md §2. */
import type { IncomingHttpHeaders } from 'node:http'
import { deviceIdOfClaims, partnerIdsOfClaims } from '#libs/auth/claims.ts'
import { AuthError } from '#libs/auth/error.ts'
import type { Claims, Verifier } from '#libs/auth/verify.ts'
import { parseDeviceId, type DeviceId } from '#libs/wrp/locator.ts'

/** A device that is let in. */
export interface Identity {
  kind: 'accepted'
  deviceId: DeviceId
  /** Never empty; `unknown` for one without a partner. */
  partnerIds: string[]
  claims: Claims
}

/** A device that is not, and what it is told. */
export interface Refusal {
  kind: 'refused'
  status: number
  reason: 'name' | 'credential' | 'id-mismatch' | 'keys-unavailable'
  message: string
}

/** v2 answers 403 where v3 says 401: genuine agents fetch a new token on 403 only. */
export type ApiVersion = 'v2' | 'v3'

/**
 * Judges a device.
 * @param verifier undefined for an open door.
 */
export async function authenticate(
  headers: IncomingHttpHeaders,
  version: ApiVersion,
  verifier: Verifier | undefined,
): Promise<Identity | Refusal> {
  const name = [headers['x-webpa-device-name']].flat()[0]
  const deviceId = name ? parsed(name) : undefined
  if (!deviceId) {
    const why = name ? 'invalid device name' : 'missing device name header'
    return refused(400, 'name', `failed to extract device ID: ${why}`)
  }
  const { authorization } = headers
  if (!verifier) return { kind: 'accepted', deviceId, partnerIds: ['unknown'], claims: {} }
  if (!authorization)
    return refused(version === 'v2' ? 403 : 401, 'credential', 'missing credentials')
  const [, scheme = '', token = ''] = authorization.match(/^(\S+) +(\S+)$/) ?? []
  if (token === '') return refused(400, 'credential', 'invalid credentials')
  if (scheme.toLowerCase() !== 'bearer') {
    return refused(403, 'credential', `Unsupported authorization scheme: ${scheme.slice(0, 20)}`)
  }
  return authenticateToken(deviceId, token, version, verifier)
}

async function authenticateToken(
  deviceId: DeviceId,
  token: string,
  version: ApiVersion,
  verifier: Verifier,
): Promise<Identity | Refusal> {
  try {
    const claims = await verifier.verify(token)
    if (!claims.sub) return refused(400, 'credential', 'invalid credentials')
    // Whoever holds one device's token must not be able to speak as another.
    if (deviceIdOfClaims(claims) !== deviceId) {
      return refused(403, 'id-mismatch', 'the token is not for this device')
    }
    const partnerIds = partnerIdsOfClaims(claims)
    return {
      kind: 'accepted',
      deviceId,
      partnerIds: partnerIds.length > 0 ? partnerIds : ['unknown'],
      claims,
    }
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    if (error.code === 'KEYS_UNAVAILABLE') return refused(503, 'keys-unavailable', error.message)
    if (error.code === 'TOKEN_INVALID') return refused(400, 'credential', 'invalid credentials')
    return refused(version === 'v2' ? 403 : 401, 'credential', 'bad credentials')
  }
}

function parsed(name: string): DeviceId | undefined {
  try {
    return parseDeviceId(name)
  } catch {
    return undefined
  }
}

const refused = (status: number, reason: Refusal['reason'], message: string): Refusal => ({
  kind: 'refused',
  status,
  reason,
  message,
})

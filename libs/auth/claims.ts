/** What the fabric reads from a token's claims, which may be of any kind. api.md D, E. */
import { parseDeviceId, type DeviceId } from '#libs/wrp/locator.ts'
import type { Claims } from './verify.ts'

/**
 * The device that the token is for: `device-id`, else `mac`, which may lack its scheme; undefined
 * when the token names none.
 */
export function deviceIdOfClaims(claims: Claims): DeviceId | undefined {
  const id = textOf(claims['device-id'])
  const mac = textOf(claims.mac)
  const text = id ?? (mac === undefined || mac.includes('mac:') ? mac : `mac:${mac}`)
  if (text === undefined) return undefined
  try {
    return parseDeviceId(text)
  } catch {
    return undefined
  }
}

/** `allowedResources.allowedPartners`, else the one of `partner-id`; empty when there is neither. */
export function partnerIdsOfClaims(claims: Claims): string[] {
  const resources = claims.allowedResources
  if (typeof resources === 'object' && resources !== null && 'allowedPartners' in resources) {
    const partners = textsOf(resources.allowedPartners)
    if (partners.length > 0) return partners
  }
  const partner = textOf(claims['partner-id'])
  return partner === undefined ? [] : [partner]
}

/** `capabilities`: what a caller may do. */
export const capabilitiesOfClaims = (claims: Claims): string[] => textsOf(claims.capabilities)

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((text) => typeof text === 'string' && text !== '') : []

/**
 * Whether a device's event says what only a Talaria knows: that a device came or went, or anything in
 * another's name. Devices have other events of the same type, `…/fully-manageable` among them, and
 * these are theirs; receivers tell whose it is by the destination, not by the source.
 */
import { namesDevice, parseDeviceId, type DeviceId } from '#libs/wrp/locator.ts'

/** The authority of both presence events. */
const STATUS = /^event:\s*device-status\s*\/([^/]*)(?:\/([^/]*))?/i

/** What a Talaria tells of a session. */
const TOLD: ReadonlySet<string> = new Set(['online', 'offline'])

/** @param dest of an event that `device` sent. */
export function claimsPresence(dest: string, device: DeviceId): boolean {
  const [, name, status = ''] = dest.trim().match(STATUS) ?? []
  if (name === undefined) return false
  if (TOLD.has(status.trim().toLowerCase())) return true
  return isDevice(name) && !namesDevice(name, device)
}

function isDevice(name: string): boolean {
  try {
    return parseDeviceId(name) !== undefined
  } catch {
    return false
  }
}

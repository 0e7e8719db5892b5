/** Locators and device ids: `mac:112233445566/config`, `event:device-status/…`. wrp.md §4. */
import { WrpError } from './error.ts'

/** The schemes that a locator can have. */
type Scheme = 'mac' | 'uuid' | 'serial' | 'dns' | 'event' | 'self'

/**
 * The canonical id of a device, such as `mac:112233445566`. Only {@link parseDeviceId} makes one,
 * so whoever has one need not check it.
 */
export type DeviceId = string & { readonly __brand: 'DeviceId' }

/** A locator taken apart: `{scheme}:{authority}[/{service}]{ignored}`. */
export interface Locator {
  scheme: Scheme
  /** Normalised for mac: twelve lower-case digits. Empty for self. */
  authority: string
  /** Empty when there is none; dns and event have none. */
  service: string
  /** What follows, with its leading `/`; empty when nothing does. */
  ignored: string
  /** The device it names; undefined for event, self and dns, which is no device in a locator. */
  deviceId: DeviceId | undefined
}

/**
 * The longest source or destination in characters. Longer ones are nothing that a device or service
 * is called; they become part of a subject, and each webhook's patterns run over them.
 */
export const LOCATOR_LENGTH_MAX = 512

const LOCATOR = /^(mac|uuid|serial|dns|event|self):([^/]*)(.*)$/is
const DEVICE_ID = /^(mac|uuid|serial|dns):([^/]+)(?:\/.*)?$/is
const MAC_SEPARATORS = /[-:.,]/g
const MAC = /^[0-9a-f]{12}$/

/**
 * The device id at the start of `text`; a service after it is passed over. Twelve hexadecimal
 * digits after `mac:`, their separators stripped; only the scheme and those are lower-cased.
 * @throws {WrpError} LOCATOR_INVALID.
 */
export function parseDeviceId(text: string): DeviceId {
  const [, scheme = '', authority = ''] = bounded(text).match(DEVICE_ID) ?? []
  const id = normalise(scheme.toLowerCase(), authority)
  if (id === undefined || authority.trim() === '') throw invalid(text, 'device id')
  return `${scheme.toLowerCase()}:${id}` as DeviceId
}

/**
 * Whether `text` names this device, or a service of it. Nearly all write the id as it is here, which
 * is seen without taking the text apart; each frame asks for it.
 */
export function namesDevice(text: string, id: DeviceId): boolean {
  if (text.length <= LOCATOR_LENGTH_MAX && text.startsWith(id)) {
    if (text.length === id.length || text[id.length] === '/') return true
  }
  try {
    return parseDeviceId(text) === id
  } catch {
    return false
  }
}

/** @throws {WrpError} LOCATOR_INVALID. */
export function parseLocator(text: string): Locator {
  const [, schemeText, authorityText = '', rest = ''] = bounded(text).trim().match(LOCATOR) ?? []
  if (schemeText === undefined) throw invalid(text, 'locator')
  const scheme = schemeText.toLowerCase() as Scheme
  const authority = normalise(scheme, authorityText.trim())
  const isSelf = scheme === 'self'
  if (authority === undefined || (authority === '') !== isSelf) throw invalid(text, 'locator')
  if (scheme === 'event' || scheme === 'dns') {
    return { scheme, authority, service: '', ignored: rest, deviceId: undefined }
  }
  const [, service = '', ignored = ''] = rest.match(/^\/([^/]*)(.*)$/s) ?? []
  const deviceId = isSelf ? undefined : (`${scheme}:${authority}` as DeviceId)
  return { scheme, authority, service, ignored, deviceId }
}

/** Which of a message's locators is longer than one may be; undefined for none. */
export const tooLongLocator = ({
  source = '',
  dest = '',
}: {
  source?: string | undefined
  dest?: string | undefined
}): 'source' | 'dest' | undefined => {
  if (source.length > LOCATOR_LENGTH_MAX) return 'source'
  return dest.length > LOCATOR_LENGTH_MAX ? 'dest' : undefined
}

/** The locator as text, normalised. */
export function formatLocator({ scheme, authority, service, ignored }: Locator): string {
  return `${scheme}:${authority}${service === '' ? '' : `/${service}`}${ignored}`
}

/** The type of the event that `dest` names (`event:<type>/…`); undefined when it is no event's. */
export function eventTypeOf(dest: string): string | undefined {
  if (dest.length > LOCATOR_LENGTH_MAX) return undefined
  const [, authority = ''] = dest.trim().match(/^event:([^/]*)/i) ?? []
  return authority.trim() || undefined
}

function normalise(scheme: string, authority: string): string | undefined {
  if (scheme !== 'mac') return authority
  const digits = authority.replaceAll(MAC_SEPARATORS, '').toLowerCase()
  return MAC.test(digits) ? digits : undefined
}

function bounded(text: string): string {
  if (text.length > LOCATOR_LENGTH_MAX) throw invalid(text, 'locator')
  return text
}

function invalid(text: string, what: string): WrpError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text
  return new WrpError('LOCATOR_INVALID', `"${shown}" is no ${what}`)
}

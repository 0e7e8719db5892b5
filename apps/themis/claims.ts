/** What a request for a device's token says of the device, and the claims made of it. api.md D3. */
import { parseDeviceId, type DeviceId } from '#libs/wrp/locator.ts'
import { grantsDevice, grantsPartner, partnerDefaultOf, type Grant } from './grants.ts'

/** A claim that can be given by header, in both families of names, or by parameter. */
const SOURCES = {
  mac: ['X-Midt-Mac-Address', 'X-Xmidt-Mac-Address', 'mac'],
  serial: ['X-Midt-Serial-Number', 'X-Xmidt-Serial-Number', 'serial'],
  uuid: ['X-Midt-Uuid', 'X-Xmidt-Uuid', 'uuid'],
  partner: ['X-Midt-Partner-ID', 'X-Xmidt-Partner-ID', 'pid'],
} as const

/** A longer value is nothing that a device is called. */
const VALUE_LENGTH_MAX = 256

/** The request cannot get a token; `reason` is a metric's label. */
export class ClaimError extends Error {
  override readonly name = 'ClaimError'
  readonly code = 'CLAIM_INVALID'
  readonly reason: 'device-id' | 'partner-id' | 'device-not-granted' | 'partner-not-granted'
  /** 400 for what nobody can have, 403 for what this credential cannot. */
  get status(): 400 | 403 {
    return this.reason.endsWith('-not-granted') ? 403 : 400
  }

  constructor(reason: ClaimError['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/** What a request says of its device. */
export interface DeviceClaims {
  deviceId: DeviceId
  claims: Record<string, string>
}

/**
 * Reads the claims; a device must name itself by mac, serial or uuid, the first of them is its id.
 * `grant` is its credential's, `partnerDefault` that of a device of which nobody knows one.
 * @throws {ClaimError}
 */
export function readDeviceClaims(
  headers: Headers,
  parameters: URLSearchParams,
  { grant, partnerDefault }: { grant: Grant; partnerDefault: string },
): DeviceClaims {
  const read = (name: keyof typeof SOURCES): string | undefined => {
    const [current, other, parameter] = SOURCES[name]
    const value = headers.get(current) ?? headers.get(other) ?? parameters.get(parameter)
    return value === null || value === '' ? undefined : value.slice(0, VALUE_LENGTH_MAX)
  }
  const claims: Record<string, string> = {}
  let deviceId: DeviceId | undefined
  for (const scheme of ['mac', 'serial', 'uuid'] as const) {
    const value = read(scheme)
    if (value === undefined) continue
    claims[scheme] = value
    deviceId ??= deviceIdOf(scheme, value)
  }
  if (!deviceId) {
    throw new ClaimError('device-id', 'no device is named: send X-Midt-Mac-Address')
  }
  if (!grantsDevice(grant, deviceId)) {
    throw new ClaimError('device-not-granted', 'the credential is not for this device')
  }
  const partner = partnerOf(read('partner')) ?? partnerDefaultOf(grant, partnerDefault)
  if (!grantsPartner(grant, partner)) {
    throw new ClaimError('partner-not-granted', 'the credential is not for this partner')
  }
  claims['device-id'] = deviceId
  claims['partner-id'] = partner
  return { deviceId, claims }
}

function deviceIdOf(scheme: string, value: string): DeviceId {
  try {
    return parseDeviceId(
      value.toLowerCase().startsWith(`${scheme}:`) ? value : `${scheme}:${value}`,
    )
  } catch {
    throw new ClaimError('device-id', `the ${scheme} is no device id`)
  }
}

/** The first that is neither empty nor `*`: a device cannot belong to everybody. */
function partnerOf(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  const first = value
    .split(',')
    .map((part) => part.trim())
    .find((part) => part !== '' && part !== '*')
  if (first === undefined) throw new ClaimError('partner-id', 'invalid partner id')
  return first
}

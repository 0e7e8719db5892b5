/** What the device tells of itself: to Themis, at connect, and with each message. parodus.md §2.2, §3.1, §4.4. */
import { ConfigError } from '#libs/config/load.ts'
import { parseDeviceId, type DeviceId } from '#libs/wrp/locator.ts'
import type { ParodusConfig } from './config.ts'

/** What this agent calls its protocol. */
export const PROTOCOL = 'PARODUS-2.0-XMIDT-ON-NATS'

/** Who this device is. */
export interface DeviceIdentity {
  deviceId: DeviceId
  partnerId: string
  /** When the agent started, in seconds, as the time of the boot. */
  bootTimeSeconds: number
  config: ParodusConfig
}

/** @throws {ConfigError} for an id that is none. */
export function readIdentity(config: ParodusConfig): DeviceIdentity {
  try {
    const deviceId = parseDeviceId(config.PARODUS_DEVICE_ID)
    return {
      deviceId,
      partnerId: config.PARODUS_PARTNER_ID,
      bootTimeSeconds: Math.floor(Date.now() / 1000),
      config,
    }
  } catch (error) {
    throw new ConfigError(
      `PARODUS_DEVICE_ID "${config.PARODUS_DEVICE_ID}" is no device id, such as mac:112233445566`,
      { cause: error },
    )
  }
}

/** The facts by their name in the convey header; those that are empty are left out. */
export function conveyFields(
  identity: DeviceIdentity,
  reconnectReason: string,
): Record<string, string | number> {
  const { config } = identity
  const fields = {
    'hw-model': config.PARODUS_MODEL,
    'hw-serial-number': config.PARODUS_SERIAL_NUMBER,
    'hw-manufacturer': config.PARODUS_MANUFACTURER,
    'fw-name': config.PARODUS_FIRMWARE,
    'boot-time': identity.bootTimeSeconds,
    'webpa-protocol': PROTOCOL,
    'webpa-interface-used': config.PARODUS_INTERFACE_USED,
    'hw-last-reboot-reason': config.PARODUS_LAST_REBOOT_REASON,
    'webpa-last-reconnect-reason': reconnectReason,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
}

/** The headers of the upgrade. */
export function upgradeHeaders(
  identity: DeviceIdentity,
  reconnectReason: string,
  token: string | undefined,
): Record<string, string> {
  const { config, deviceId } = identity
  const convey = JSON.stringify(conveyFields(identity, reconnectReason))
  const known = (value: string): string => value || 'unknown'
  return {
    'X-WebPA-Device-Name': deviceId,
    'X-WebPA-Device-Protocols': 'wrp-0.11,getset-0.1',
    'X-WebPA-Convey': Buffer.from(convey).toString('base64'),
    'User-Agent': `${PROTOCOL} (${known(config.PARODUS_FIRMWARE)}; ${known(config.PARODUS_MODEL)}/${known(config.PARODUS_MANUFACTURER)};)`,
    ...(token && { Authorization: `Bearer ${token}` }),
  }
}

/** The headers of the request for a token; empty ones are not sent. */
export function tokenHeaders(identity: DeviceIdentity): Record<string, string> {
  const { config, deviceId, partnerId } = identity
  const colon = deviceId.indexOf(':')
  const scheme = deviceId.slice(0, colon)
  const id = deviceId.slice(colon + 1)
  const name: Record<string, string> = {
    mac: 'X-Midt-Mac-Address',
    serial: 'X-Midt-Serial-Number',
    uuid: 'X-Midt-Uuid',
  }
  const headers: Record<string, string> = {
    'X-Midt-Serial-Number': config.PARODUS_SERIAL_NUMBER,
    'X-Midt-Partner-Id': partnerId,
    'X-Midt-Hardware-Model': config.PARODUS_MODEL,
    'X-Midt-Hardware-Manufacturer': config.PARODUS_MANUFACTURER,
    'X-Midt-Firmware-Name': config.PARODUS_FIRMWARE,
    'X-Midt-Protocol': PROTOCOL,
    'X-Midt-Interface-Used': config.PARODUS_INTERFACE_USED,
    'X-Midt-Last-Reboot-Reason': config.PARODUS_LAST_REBOOT_REASON,
    [name[scheme] ?? 'X-Midt-Mac-Address']: id,
  }
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''))
}

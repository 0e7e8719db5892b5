/** The events that Talaria itself makes: a device came, a device went. talaria.md §5.1, §5.2. */
import { encode } from '#libs/wrp/codec.ts'
import { MSG_TYPE } from '#libs/wrp/message.ts'
import type { OutgoingEvent } from '#libs/nats/event.ts'
import type { Device } from './device.ts'
import { goDuration } from './statistics.ts'

/** The type of both events. */
const EVENT_TYPE = 'device-status'

/** What the convey header's fields are called in status events. */
const CONVEYED: Readonly<Record<string, string>> = {
  'boot-time': '/boot-time',
  'hw-model': '/hw-model',
  'hw-manufacturer': '/hw-manufacturer',
  'hw-serial-number': '/hw-serial-number',
  'hw-last-reboot-reason': '/hw-last-reboot-reason',
  'fw-name': '/fw-name',
  'last-reconnect-reason': '/last-reconnect-reason',
  'webpa-last-reconnect-reason': '/last-reconnect-reason',
  'webpa-protocol': '/protocol',
  'webpa-interface-used': '/interface-used',
  'boot-time-retry-wait': '/boot-time-retry-wait',
  'webpa-interface-label': '/webpa-interface-label',
  'wan-ipv4-address': '/wan-ipv4-address',
}

/** The longest convey header that is read: it is copied into each status event. */
const CONVEY_LENGTH_MAX = 8 * 1024

/** Reads `X-Webpa-Convey`: base64 of JSON. Nothing in it ever refuses a device. */
export function readConvey(header: string | undefined): Record<string, string> {
  const metadata: Record<string, string> = {}
  if (!header) return { '/compliance': 'missing-convey' }
  try {
    if (header.length > CONVEY_LENGTH_MAX) return { '/compliance': 'invalid-convey' }
    const fields = JSON.parse(Buffer.from(header, 'base64').toString()) as Record<string, unknown>
    for (const [field, key] of Object.entries(CONVEYED)) {
      const value = fields[field]
      if (typeof value === 'string' || typeof value === 'number') metadata[key] = String(value)
    }
    const isFull = Object.keys(CONVEYED).every((field) => field in fields)
    return { ...metadata, '/compliance': isFull ? 'full' : 'convey-missing-fields' }
  } catch {
    return { '/compliance': 'invalid-convey' }
  }
}

/** The event that a device came, or went and why. `source` is a locator. */
export function statusEvent(
  device: Device,
  status: 'online' | 'offline',
  source: string,
): OutgoingEvent {
  const now = new Date().toISOString()
  const dest = `event:${EVENT_TYPE}/${device.id}/${status}`
  const payload =
    status === 'online' ? { id: device.id, ts: now } : { id: device.id, ts: now, ...ending(device) }
  const { trust, accountID } = device.identity.claims
  return {
    id: `${device.sessionId}-${status}`,
    device: device.id,
    type: EVENT_TYPE,
    dest,
    source,
    sessionId: device.sessionId,
    partnerIds: device.partnerIds,
    bytes: encode({
      msg_type: MSG_TYPE.event,
      source,
      dest,
      content_type: 'application/json',
      payload: new TextEncoder().encode(JSON.stringify(payload)),
      partner_ids: device.partnerIds,
      session_id: device.sessionId,
      metadata: {
        ...device.conveyed,
        '/trust': String(Number(trust) || 0),
        '/account-id': typeof accountID === 'string' ? accountID : '',
        '/hw-deviceid': device.id,
        '/xmidt-timestamp': now,
      },
    }),
  }
}

function ending(device: Device): Record<string, unknown> {
  const { counts, connectedAtMs } = device
  return {
    'bytes-sent': counts.bytesSent,
    'messages-sent': counts.messagesSent,
    'bytes-received': counts.bytesReceived,
    'messages-received': counts.messagesReceived,
    'connected-at': new Date(connectedAtMs).toISOString(),
    'up-time': goDuration(Date.now() - connectedAtMs),
    'reason-for-closure': `*no error*:${device.closeReason ?? 'readerror'}`,
  }
}

/** The events that say that a device came or went, in upstream's form. talaria.md §5.1, §5.2. */
import type { CloseReason } from '#apps/talaria/metrics.ts'
import type { OutgoingEvent } from '#libs/nats/event.ts'
import { encode } from '#libs/wrp/codec.ts'
import { MSG_TYPE } from '#libs/wrp/message.ts'
import type { Device } from './device.ts'
import { toGoDuration } from './up-time.ts'

/** What of the convey goes into the metadata, in the order of the contract; later ones override. */
const CONVEY_METADATA = [
  ['/boot-time', 'boot-time'],
  ['/hw-model', 'hw-model'],
  ['/hw-manufacturer', 'hw-manufacturer'],
  ['/hw-serial-number', 'hw-serial-number'],
  ['/hw-last-reboot-reason', 'hw-last-reboot-reason'],
  ['/fw-name', 'fw-name'],
  ['/last-reconnect-reason', 'last-reconnect-reason'],
  ['/last-reconnect-reason', 'webpa-last-reconnect-reason'],
  ['/protocol', 'webpa-protocol'],
  ['/interface-used', 'webpa-interface-used'],
  ['/boot-time-retry-wait', 'boot-time-retry-wait'],
  ['/webpa-interface-label', 'webpa-interface-label'],
  ['/wan-ipv4-address', 'wan-ipv4-address'],
] as const

/** A longer value is nothing that a device says about itself in earnest. */
const VALUE_LENGTH_MAX = 512

/** The event that `device` is there. */
export function onlineEvent(device: Device, source: string): OutgoingEvent {
  return presenceEvent(device, source, 'online', {
    id: device.id,
    ts: new Date().toISOString(),
  })
}

/** The event that this session of `device` is over. */
export function offlineEvent(
  device: Device,
  source: string,
  { reason, error }: { reason: CloseReason; error: Error | undefined },
): OutgoingEvent {
  const { bytesSent, messagesSent, bytesReceived, messagesReceived } = device.statistics
  return presenceEvent(device, source, 'offline', {
    id: device.id,
    ts: new Date().toISOString(),
    'bytes-sent': bytesSent,
    'messages-sent': messagesSent,
    'bytes-received': bytesReceived,
    'messages-received': messagesReceived,
    'connected-at': new Date(device.connectedAtMs).toISOString(),
    'up-time': toGoDuration(device.ageMs),
    'reason-for-closure': `${error?.message ?? '*no error*'}:${reason}`,
  })
}

function presenceEvent(
  device: Device,
  source: string,
  status: 'online' | 'offline',
  payload: Readonly<Record<string, string | number>>,
): OutgoingEvent {
  const dest = `event:device-status/${device.id}/${status}`
  const { partnerIds } = device.identity
  return {
    id: device.nextEventId(),
    device: device.id,
    type: 'device-status',
    dest,
    source,
    sessionId: device.sessionId,
    partnerIds,
    bytes: encode({
      msg_type: MSG_TYPE.event,
      source,
      dest,
      content_type: 'application/json',
      partner_ids: partnerIds,
      session_id: device.sessionId,
      metadata: statusMetadata(device),
      payload: new TextEncoder().encode(JSON.stringify(payload)),
      qos: 0,
    }),
  }
}

function statusMetadata(device: Device): Record<string, string> {
  const { convey, trust, accountId, intermediateContext } = device.identity
  const metadata: Record<string, string> = {}
  for (const [key, field] of CONVEY_METADATA) {
    const value = convey?.[field]
    if (value !== undefined && value !== null) metadata[key] = textOf(value)
  }
  const isFull = CONVEY_METADATA.every(([, field]) => convey?.[field] !== undefined)
  metadata['/trust'] = String(trust)
  metadata['/account-id'] = accountId
  metadata['/hw-deviceid'] = device.id
  metadata['/intermediate-context'] = intermediateContext
  metadata['/compliance'] = isFull ? 'full' : 'convey-missing-fields'
  metadata['/xmidt-timestamp'] = new Date().toISOString()
  return metadata
}

const textOf = (value: unknown): string =>
  (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).slice(0, VALUE_LENGTH_MAX)

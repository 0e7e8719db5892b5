/** The events that say that a device came or went, in upstream's form. talaria.md §5.1, §5.2. */
import type { ConveyField } from '#apps/talaria/session/convey.ts'
import type { Device } from '#apps/talaria/session/connection/device.ts'
import { toGoDuration } from '#apps/talaria/session/up-time.ts'
import type { OutgoingEvent } from '#libs/nats/event.ts'
import type { SessionEntry } from '#libs/nats/bucket/sessions.ts'
import { encode } from '#libs/wrp/codec.ts'
import type { DeviceId } from '#libs/wrp/locator.ts'
import { MSG_TYPE } from '#libs/wrp/message.ts'

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
] as const satisfies readonly (readonly [string, ConveyField])[]

/** The type of both events, and so a token of the subject that they are on. */
export const PRESENCE_TYPE = 'device-status'

/** What both events say of a session: what its entry in SESSIONS has, and whose it is. */
export interface ToldSession extends SessionEntry {
  device: DeviceId
}

/** How a session ended. */
export interface SessionEnd {
  reason: string
  error?: Error | undefined
  /** How long it lasted, in milliseconds. */
  upMs: number
  /** Of a session that ended here; of one whose Talaria is gone nobody knows them. */
  statistics?: Device['statistics']
}

/** What is told of the session of `device`. */
export const toldSession = (device: Device): ToldSession => ({
  device: device.id,
  session: device.sessionId,
  since: new Date(device.connectedAtMs).toISOString(),
  partners: device.identity.partnerIds,
  metadata: statusMetadata(device),
})

/** The id of a session's online event, whoever tells it. */
export const onlineId = (session: string): string => `${session}-online`

/** The id of a session's offline event, whoever tells it. */
export const offlineId = (session: string): string => `${session}-offline`

/** The event that the device is there. */
export function onlineEvent(told: ToldSession, source: string): OutgoingEvent {
  return presenceEvent(told, source, 'online', { id: told.device, ts: told.since })
}

/** The event that this session is over, as of now. */
export function offlineEvent(told: ToldSession, source: string, end: SessionEnd): OutgoingEvent {
  const { reason, error, upMs, statistics } = end
  return presenceEvent(told, source, 'offline', {
    id: told.device,
    ts: new Date().toISOString(),
    ...(statistics && {
      'bytes-sent': statistics.bytesSent,
      'messages-sent': statistics.messagesSent,
      'bytes-received': statistics.bytesReceived,
      'messages-received': statistics.messagesReceived,
    }),
    'connected-at': told.since,
    'up-time': toGoDuration(upMs),
    'reason-for-closure': `${error?.message ?? '*no error*'}:${reason}`,
  })
}

function presenceEvent(
  { device, session, partners, metadata }: ToldSession,
  source: string,
  status: 'online' | 'offline',
  payload: Readonly<Record<string, string | number>>,
): OutgoingEvent {
  const dest = `event:${PRESENCE_TYPE}/${device}/${status}`
  return {
    id: status === 'online' ? onlineId(session) : offlineId(session),
    device,
    type: PRESENCE_TYPE,
    dest,
    source,
    sessionId: session,
    partnerIds: partners,
    bytes: encode({
      msg_type: MSG_TYPE.event,
      source,
      dest,
      content_type: 'application/json',
      partner_ids: partners,
      session_id: session,
      metadata: { ...metadata, '/xmidt-timestamp': new Date().toISOString() },
      payload: new TextEncoder().encode(JSON.stringify(payload)),
      qos: 0,
    }),
  }
}

/** All but the time, which is each event's own. */
function statusMetadata(device: Device): Record<string, string> {
  const { convey, trust, accountId, intermediateContext } = device.identity
  const metadata: Record<string, string> = {}
  for (const [key, field] of CONVEY_METADATA) {
    const value = convey?.[field]
    if (value !== undefined) metadata[key] = String(value)
  }
  const isFull = CONVEY_METADATA.every(([, field]) => convey?.[field] !== undefined)
  metadata['/trust'] = String(trust)
  metadata['/account-id'] = accountId
  metadata['/hw-deviceid'] = device.id
  metadata['/intermediate-context'] = intermediateContext
  metadata['/compliance'] = isFull ? 'full' : 'convey-missing-fields'
  return metadata
}

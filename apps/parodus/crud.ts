/** What Parodus itself answers: facts of the device and whether a service is there. parodus.md §5. */
import { MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import { conveyFields, type DeviceIdentity } from './identity.ts'
import type { Services } from './local/services.ts'

/** What the answers are made of. */
export interface CrudOptions {
  identity: DeviceIdentity
  services: Services
  isConnected: boolean
}

/** The answer to a request for `mac:…/parodus/…`. Only RETRIEVE is served. */
export function answerForParodus(message: WrpMessage, options: CrudOptions): WrpMessage {
  const value =
    message.msg_type === MSG_TYPE.retrieve ? retrieve(message.dest ?? '', options) : undefined
  return {
    msg_type: message.msg_type,
    source: message.dest ?? '',
    dest: message.source ?? '',
    ...(message.transaction_uuid && { transaction_uuid: message.transaction_uuid }),
    status: value === undefined ? 400 : 200,
    rdr: 0,
    ...(value !== undefined && {
      content_type: 'application/json',
      payload: new TextEncoder().encode(JSON.stringify(value)),
    }),
  }
}

function retrieve(dest: string, options: CrudOptions): Record<string, string | number> | undefined {
  const { identity, services, isConnected } = options
  const [, , key = '', name, ...rest] = dest.split('/')
  if (key === 'service-status' && name && rest.length === 0) {
    return { 'service-status': services.has(name) ? 'online' : 'offline' }
  }
  if (name !== undefined) return undefined
  const facts: Record<string, string | number> = {
    ...conveyFields(identity, ''),
    'hw-mac': identity.deviceId.replace(/^mac:/, ''),
    'cloud-status': isConnected ? 'online' : 'offline',
    'webpa-url': identity.config.PARODUS_PETASOS_URL,
    'webpa-ping-timeout': Math.round(identity.config.PARODUS_PING_TIMEOUT_MS / 1_000),
  }
  const value = Object.hasOwn(facts, key) ? facts[key] : undefined
  return value === undefined ? undefined : { [key]: value }
}

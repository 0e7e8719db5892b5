/** Where a message goes: from the fabric to a local service, from a service to the fabric. parodus.md §4.4, §4.5. */
import type { Logger } from '#libs/log/logger.ts'
import type { Tracer } from '#libs/trace/tracer.ts'
import { encode } from '#libs/wrp/codec.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { isTransaction, MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import { answerForParodus } from './crud.ts'
import { errorAnswer, tooLargeText } from './error-answer.ts'
import { conveyFields, type DeviceIdentity } from './identity.ts'
import type { ParodusMetrics } from './metrics.ts'
import { acknowledgedTransaction, read, type Outbox } from './cloud/outbox.ts'
import type { Services } from './local/services.ts'
import { beginHandOn, withTrace } from './spans.ts'

/** Routes messages; neither function throws. */
export interface Router {
  fromFabric(bytes: Uint8Array): Promise<void>
  fromService(bytes: Uint8Array): Promise<void>
}

/** What {@link createRouter} needs. */
export interface RouterOptions {
  identity: DeviceIdentity
  services: Services
  outbox: Outbox
  /** Answers go out only while there is a connection: nobody waits for an old one. */
  sendNow: (message: WrpMessage) => void
  isConnected: () => boolean
  reconnectReason: () => string
  tracer: Tracer | undefined
  metrics: ParodusMetrics
  log: Logger
}

/** The router of one Parodus. */
export function createRouter(options: RouterOptions): Router {
  const { services, outbox, sendNow, metrics, identity } = options
  return {
    async fromFabric(bytes) {
      const message = read(bytes)
      if (!message) return metrics.received.inc({ outcome: 'malformed' })
      const acknowledged = acknowledgedTransaction(message)
      if (acknowledged !== undefined) outbox.acknowledged(acknowledged)
      // An acknowledgement is the end of an event's way and no way of its own.
      const end =
        acknowledged === undefined
          ? beginHandOn(message, serviceOf(message.dest ?? ''), options)
          : undefined
      const answer = await handle(message, bytes, options)
      const outcome = typeof answer === 'string' ? answer : 'answered'
      end?.(outcome)
      metrics.received.inc({ outcome })
      if (typeof answer !== 'string') sendNow(answer)
    },
    async fromService(bytes) {
      const message = read(bytes)
      if (!message) return metrics.local.inc({ outcome: 'malformed' })
      if (message.msg_type === MSG_TYPE.serviceRegistration) {
        const isTaken = services.register(message.service_name ?? '', message.url ?? '')
        return metrics.local.inc({ outcome: isTaken ? 'registered' : 'malformed' })
      }
      if (message.msg_type < MSG_TYPE.request || message.msg_type > MSG_TYPE.delete) {
        return metrics.local.inc({ outcome: 'ignored' })
      }
      metrics.local.inc({ outcome: 'taken' })
      if (await staysHere(message, bytes, options)) return
      const stamped = withIdentity(message, identity, options.reconnectReason())
      if (message.msg_type === MSG_TYPE.event) outbox.put(withTrace(stamped, options))
      else sendNow(stamped)
    },
  }
}

/** What came of a message of the fabric: an answer to send back, or what its delivery came to. */
async function handle(
  message: WrpMessage,
  bytes: Uint8Array,
  options: RouterOptions,
): Promise<WrpMessage | 'delivered' | 'undelivered'> {
  const { identity, services, isConnected, metrics } = options
  const { msg_type: type } = message
  if (type < MSG_TYPE.request || type > MSG_TYPE.delete) return 'undelivered'
  const { PARODUS_MESSAGE_BYTES_MAX: bytesMax } = identity.config
  if (bytes.length > bytesMax) {
    metrics.dropped.inc({ reason: 'too-large' })
    return isTransaction(type) ? errorAnswer(message, 413, tooLargeText(bytesMax)) : 'undelivered'
  }
  if (type === MSG_TYPE.request && !isForPartner(message, identity.partnerId)) {
    return errorAnswer(message, 403, 'Invalid partner_id')
  }
  const service = serviceOf(message.dest ?? '')
  if (service === 'parodus' && isTransaction(type)) {
    return answerForParodus(message, { identity, services, isConnected: isConnected() })
  }
  if (await services.deliver(service, bytes)) return 'delivered'
  return isTransaction(type) ? errorAnswer(message, 531, 'Service Unavailable') : 'undelivered'
}

/** A local service may ask another one, or Parodus itself. */
async function staysHere(
  message: WrpMessage,
  bytes: Uint8Array,
  { identity, services, isConnected }: RouterOptions,
): Promise<boolean> {
  const isLocal = message.msg_type >= MSG_TYPE.retrieve && message.msg_type <= MSG_TYPE.delete
  if (!isLocal || !isOwn(message.dest ?? '', identity)) return false
  const service = serviceOf(message.dest ?? '')
  if (service !== 'parodus') return services.deliver(service, bytes)
  const answer = answerForParodus(message, { identity, services, isConnected: isConnected() })
  return services.deliver(serviceOf(message.source ?? ''), encode(answer))
}

function isOwn(dest: string, { deviceId }: DeviceIdentity): boolean {
  try {
    return parseDeviceId(dest) === deviceId
  } catch {
    return false
  }
}

/** The part of `mac:…/service/…` that names the service; without one the whole. */
export function serviceOf(locator: string): string {
  return locator.split('/')[1] ?? locator
}

/**
 * A device with a partner takes requests of that partner, and those that name none. `*` is no
 * partner: genuine Parodus does not know it.
 */
function isForPartner(message: WrpMessage, partnerId: string): boolean {
  const partners = message.partner_ids ?? []
  if (partnerId === '' || partners.length === 0) return true
  const own = partnerId
    .toLowerCase()
    .split(',')
    .map((partner) => partner.trim())
  return partners.some((partner) => own.includes(partner.toLowerCase()))
}

const withoutSelf = (locator: string, { deviceId }: DeviceIdentity): string =>
  locator.replace(/(^|\/)self:/gi, `$1${deviceId}`)

/** The device's facts as metadata, under the service's own, and its partner where none is named. */
function withIdentity(
  message: WrpMessage,
  identity: DeviceIdentity,
  reconnectReason: string,
): WrpMessage {
  const facts = Object.entries(conveyFields(identity, reconnectReason)).map(([name, value]) => [
    name,
    String(value),
  ])
  const metadata: Record<string, string> = {
    ...Object.fromEntries(facts),
    'hw-mac': identity.deviceId.replace(/^mac:/, ''),
  }
  if (identity.partnerId !== '') metadata['partner-id'] = identity.partnerId
  const needsPartner = identity.partnerId !== '' && (message.partner_ids ?? []).length === 0
  return {
    ...message,
    // A service need not know the device's id: it says `self:`, as newer agents let it.
    source: withoutSelf(message.source ?? '', identity),
    dest: withoutSelf(message.dest ?? '', identity),
    metadata: { ...metadata, ...message.metadata },
    ...(needsPartner && {
      partner_ids: identity.partnerId.split(',').map((partner) => partner.trim()),
    }),
  }
}

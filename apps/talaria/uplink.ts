/** From a device to NATS: each frame is an answer that somebody waits for, an event, or dropped. talaria.md §3.1. */
import type { Logger } from '#libs/log/logger.ts'
import { encode } from '#libs/wrp/codec.ts'
import { eventTypeOf, parseDeviceId } from '#libs/wrp/locator.ts'
import { isTransaction, MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import { acknowledgement, needsAcknowledgement } from '#libs/wrp/qos.ts'
import { stamp, type Stamped } from '#libs/wrp/stamp.ts'
import type { Device } from './device.ts'
import type { TalariaMetrics } from './metrics.ts'
import type { Publisher } from './publisher.ts'

/** Why a frame was dropped: the label of its counter. */
type DropReason =
  | 'text'
  | 'malformed'
  | 'source'
  | 'type'
  | 'dest'
  | 'transaction'
  | 'window-full'
  | 'not-stored'

/** What {@link createUplink} needs. */
export interface UplinkOptions {
  publisher: Publisher
  /** The source of acknowledgements, a locator. */
  source: string
  deviceEventsInFlightMax: number
  metrics: TalariaMetrics
  log: Logger
}

/** Takes a device's frames. */
export interface Uplink {
  onFrame(device: Device, bytes: Uint8Array, isBinary: boolean): void
}

/** The uplink of all devices. */
export function createUplink(options: UplinkOptions): Uplink {
  const { metrics, log } = options
  const drop = (device: Device, reason: DropReason): void => {
    metrics.framesDropped.inc({ reason })
    log.debug({ deviceId: device.id, reason }, 'frame dropped')
  }
  return {
    onFrame(device, bytes, isBinary) {
      device.counts.bytesReceived += bytes.length
      device.counts.messagesReceived += 1
      if (!isBinary) return drop(device, 'text')
      const stamped = read(device, bytes)
      if (!stamped) return drop(device, 'malformed')
      const { message } = stamped
      metrics.frames.inc({ type: typeLabel(message.msg_type) })
      if (!isFrom(message, device)) return drop(device, 'source')
      if (isTransaction(message.msg_type) && message.transaction_uuid) {
        const waiting = device.pending.get(message.transaction_uuid)
        // Its caller has gone, or it never had one: an answer is nobody's event.
        return waiting ? waiting.settle(stamped.bytes) : drop(device, 'transaction')
      }
      if (message.msg_type !== MSG_TYPE.event) return drop(device, 'type')
      const type = eventTypeOf(message.dest ?? '')
      if (type === undefined) return drop(device, 'dest')
      void forward(device, stamped, type, { ...options, drop })
    },
  }
}

function read(device: Device, bytes: Uint8Array): Stamped | undefined {
  try {
    return stamp(bytes, {
      partnerIds: device.partnerIds,
      sessionId: device.sessionId,
      metadata: { '/xmidt-timestamp': new Date().toISOString() },
    })
  } catch {
    return undefined
  }
}

/** A device speaks for itself only. */
function isFrom(message: WrpMessage, device: Device): boolean {
  try {
    return parseDeviceId(message.source ?? '') === device.id
  } catch {
    return false
  }
}

interface Forwarding extends UplinkOptions {
  drop: (device: Device, reason: DropReason) => void
}

async function forward(
  device: Device,
  { message, bytes }: Stamped,
  type: string,
  options: Forwarding,
): Promise<void> {
  const { publisher, metrics, source, deviceEventsInFlightMax, drop } = options
  const isAcknowledged = needsAcknowledgement(message)
  device.eventsInFlight += 1
  // The device's own connection is the queue: what is not read waits in its sender.
  if (device.eventsInFlight >= deviceEventsInFlightMax) device.pause()
  const outcome = await publisher.publish(
    {
      id: device.nextEventId(),
      device: device.id,
      type,
      bytes,
      dest: message.dest ?? '',
      source: message.source ?? '',
      sessionId: device.sessionId,
      partnerIds: device.partnerIds,
      transactionUuid: message.transaction_uuid,
      traceparent: traceparentOf(message),
    },
    isAcknowledged,
  )
  device.eventsInFlight -= 1
  if (device.eventsInFlight === deviceEventsInFlightMax - 1) device.resume()
  if (outcome !== 'stored') return drop(device, outcome)
  if (!isAcknowledged) return
  // Only now: from here on the event is not lost.
  const ack = acknowledgement(message, { source, sessionId: device.sessionId })
  if (await device.send(encode(ack))) metrics.acknowledged.inc()
}

/** W3C trace context rides in the `headers` of a WRP. */
function traceparentOf(message: WrpMessage): string | undefined {
  const found = message.headers?.find((header) => /^traceparent:/i.test(header))
  return found?.slice(found.indexOf(':') + 1).trim()
}

const typeLabel = (type: number): string =>
  type >= MSG_TYPE.authorization && type <= MSG_TYPE.unknown ? String(type) : 'other'

/**
 * Device to NATS: each frame is read, stamped and judged; answers go to the commands that wait for
 * them, events into the stream, and what is neither is counted. talaria.md §3.1, §5.
 */
import type { Downlink } from '#apps/talaria/downlink/downlink.ts'
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { UplinkDropReason } from '#apps/talaria/reasons.ts'
import type { Device } from '#apps/talaria/session/connection/device.ts'
import type { OutgoingEvent } from '#libs/nats/event.ts'
import { beginSend } from '#libs/nats/trace.ts'
import { contextOfMessage } from '#libs/trace/message.ts'
import type { Tracer } from '#libs/trace/tracer.ts'
import { WrpError } from '#libs/wrp/error.ts'
import { eventTypeOf, namesDevice, tooLongLocator } from '#libs/wrp/locator.ts'
import { isTransaction, MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import { needsAcknowledgement, RDR } from '#libs/wrp/qos.ts'
import { stamp, type Stamped } from '#libs/wrp/stamp.ts'
import { acknowledge } from './acknowledge.ts'
import type { EventTypes } from './event-types.ts'
import type { LowFlood } from './low-flood.ts'
import type { Store } from './store.ts'
import { timestamp } from './timestamp.ts'
import { UnderWay } from './under-way.ts'
import { claimsPresence } from './presence-claim.ts'
import type { Window } from './window.ts'

/** Takes a device's frames. */
export interface Uplink {
  take(device: Device, bytes: Uint8Array, isBinary: boolean): void
}

/** What {@link createUplink} needs. */
export interface UplinkOptions {
  store: Store
  window: Window
  eventTypes: EventTypes
  lowFlood: LowFlood
  downlink: Downlink
  /** Of acknowledgements: a locator. */
  source: string
  tracer: Tracer | undefined
  metrics: TalariaMetrics
}

/** The uplink of all devices. */
export function createUplink(options: UplinkOptions): Uplink {
  const { metrics } = options
  return {
    take(device, bytes, isBinary) {
      const reason = isBinary ? takeFrame(device, bytes, options) : 'text-frame'
      if (reason) metrics.uplinkDrops.inc({ reason })
    },
  }
}

function takeFrame(
  device: Device,
  frame: Uint8Array,
  options: UplinkOptions,
): UplinkDropReason | undefined {
  const stamped = readFrame(device, frame)
  if (!stamped) return 'malformed'
  const { message, bytes } = stamped
  if (tooLongLocator(message)) {
    if (needsAcknowledgement(message)) acknowledge(device, message, RDR.badFormat, options)
    return 'locator-too-long'
  }
  const fault = sourceFault(device, message)
  if (fault) return fault
  if (isTransaction(message.msg_type) && message.transaction_uuid) {
    const isAwaited = options.downlink.answer(device, message.transaction_uuid, bytes)
    return isAwaited ? undefined : 'transaction-unknown'
  }
  if (message.msg_type !== MSG_TYPE.event && !isTransaction(message.msg_type)) {
    return 'type-unsupported'
  }
  return takeEvent(device, message, bytes, options)
}

function readFrame(device: Device, frame: Uint8Array): Stamped | undefined {
  try {
    return stamp(frame, {
      partnerIds: device.identity.partnerIds,
      sessionId: device.sessionId,
      metadata: { '/xmidt-timestamp': timestamp() },
    })
  } catch (error) {
    if (error instanceof WrpError) return undefined
    throw error
  }
}

/** A device speaks for itself only. */
function sourceFault(device: Device, message: WrpMessage): UplinkDropReason | undefined {
  if (!message.source) return 'source-missing'
  return namesDevice(message.source, device.id) ? undefined : 'source-foreign'
}

function takeEvent(
  device: Device,
  message: WrpMessage,
  bytes: Uint8Array,
  options: UplinkOptions,
): UplinkDropReason | undefined {
  const { store, window, eventTypes, tracer } = options
  const isAwaited = needsAcknowledgement(message)
  const type = eventTypeOf(message.dest ?? '')
  if (type === undefined) {
    if (isAwaited) acknowledge(device, message, RDR.destMissing, options)
    return 'dest-unroutable'
  }
  if (claimsPresence(message.dest ?? '', device.id)) {
    if (isAwaited) acknowledge(device, message, RDR.badFormat, options)
    return 'dest-reserved'
  }
  if (!eventTypes.admit(device, type)) {
    if (isAwaited) acknowledge(device, message, RDR.cannotEnqueue, options)
    return 'event-types-max'
  }
  if (!window.enter(device, bytes.length)) {
    if (isAwaited) acknowledge(device, message, RDR.cannotEnqueue, options)
    return 'window-full'
  }
  if (!isAwaited) options.lowFlood.count(device.id, bytes.length)
  const event = outgoing(device, message, bytes, type)
  const underWay = new UnderWay(device, message, bytes.length, options)
  const span = tracer && beginSend(tracer, event)
  if (span) event.trace = span.context
  underWay.span = span
  store.put(event, underWay)
  return undefined
}

function outgoing(
  device: Device,
  message: WrpMessage,
  bytes: Uint8Array,
  type: string,
): OutgoingEvent {
  return {
    id: device.nextEventId(),
    device: device.id,
    type,
    // Only events that a device is told are kept go into EVENTS; the others must not push them out.
    isLow: !needsAcknowledgement(message),
    bytes,
    dest: message.dest ?? '',
    source: message.source ?? '',
    sessionId: device.sessionId,
    partnerIds: device.identity.partnerIds,
    transactionUuid: message.transaction_uuid,
    trace: contextOfMessage(message),
  }
}

/**
 * The parts between a websocket and NATS, put together: the devices, their sessions, the ways up
 * and down. Disposing it waits for the events that are owed.
 */
import type { Logger } from '#libs/log/logger.ts'
import { payloadMaxOf, type Nats } from '#libs/nats/connection/connect.ts'
import { TALARIA_LEASE_MS } from '#libs/nats/bucket/talarias.ts'
import type { Tracer } from '#libs/trace/tracer.ts'
import type { TalariaConfig } from './config.ts'
import { createCallerCheck } from './session/caller-check.ts'
import type { DeviceIdentity } from './session/identity.ts'
import type { DeviceSocket } from './session/connection/device-socket.ts'
import { createDevices, type Devices } from './session/devices.ts'
import { createDownlink } from './downlink/downlink.ts'
import { limitsOf, tickMsOf } from './session/connection/limits.ts'
import type { TalariaFaults, TalariaMetrics } from './metrics.ts'
import { openPresence, type Presence } from './presence/presence.ts'
import { createSessions, type Ways } from './session/sessions.ts'
import { createEventTypes } from './uplink/event-types.ts'
import { createLowFlood } from './uplink/low-flood.ts'
import { growInRushes } from './heap/growth.ts'
import { createStore } from './uplink/store.ts'
import { createUplink } from './uplink/uplink.ts'
import { createWindow } from './uplink/window.ts'

/** What holds the devices. */
export interface Holding extends AsyncDisposable {
  readonly devices: Devices
  /** Why EVENTS stores nothing at this moment; undefined while all is well. */
  readonly storeFault: string | undefined
  readonly presence: Presence
  /** Sends the receipt of each command that is with a device. */
  readonly sendReceipts: () => void
  /** Begins the session of a device that was let in. */
  readonly begin: (socket: DeviceSocket, identity: DeviceIdentity) => void
}

/** What {@link openHolding} needs. */
export interface HoldingOptions {
  config: TalariaConfig
  /** For the devices' own subjects. */
  commands: Nats
  /** For what goes into the stream. */
  events: Nats
  talariaId: string
  /** Of Talaria's own messages: a locator. */
  source: string
  tracer: Tracer | undefined
  metrics: TalariaMetrics
  faults: TalariaFaults
  log: Logger
}

/** Holds nobody yet. */
export async function openHolding(options: HoldingOptions): Promise<Holding> {
  const { config, commands, events, talariaId, source, tracer, metrics, faults, log } = options
  await using stack = new AsyncDisposableStack()
  const store = createStore({ nats: events, metrics, log })
  stack.defer(() => store.settle(config.TALARIA_SETTLE_MS))
  const devices = stack.use(createDevices(metrics, tickMsOf(config)))
  let connects = 0
  stack.use(growInRushes(() => ({ events: store.putCount, connects })))
  const settleMs = config.TALARIA_SETTLE_MS
  const shared = { devices, talariaId, source, metrics, faults, log }
  const presence = stack.use(
    await openPresence({ ...shared, nats: events, store, leaseMs: TALARIA_LEASE_MS, settleMs }),
  )
  const downlink = stack.use(
    createDownlink({
      talariaId,
      answerBytesMax: () => payloadMaxOf(commands),
      timeoutMs: config.TALARIA_COMMAND_TIMEOUT_MS,
      pendingMax: config.TALARIA_DEVICE_QUEUE_MAX,
      tracer,
      metrics,
      faults,
      log,
    }),
  )
  const window = createWindow({
    deviceEventsMax: config.TALARIA_DEVICE_EVENTS_MAX,
    deviceBytesMax: config.TALARIA_DEVICE_EVENTS_BYTES_MAX,
    eventsMax: config.TALARIA_EVENTS_MAX,
    bytesMax: config.TALARIA_EVENTS_BYTES_MAX,
    metrics,
  })
  const eventTypes = createEventTypes({
    deviceMax: config.TALARIA_DEVICE_EVENT_TYPES_MAX,
    max: config.TALARIA_EVENT_TYPES_MAX,
  })
  const lowFlood = stack.use(createLowFlood({ metrics, faults, log }))
  const limiting = { window, eventTypes, lowFlood, downlink }
  const uplink = createUplink({ store, ...limiting, source, tracer, metrics })
  const limits = limitsOf(config)
  const ways: Ways = {
    onFrame: (device, bytes, isBinary) => uplink.take(device, bytes, isBinary),
    onCommand: (device, message) => downlink.command(device, message),
    onReceiptsWanted: (device) => downlink.sendReceipts(device),
    onBegin: (device) => presence.begin(device),
    onEnd(device, reason, error) {
      downlink.end(device)
      presence.end(device, reason, error)
    },
  }
  const checkCaller = createCallerCheck(config.TALARIA_PARTNER_CHECK, metrics)
  const sessions = stack.use(
    createSessions({ ...shared, nats: commands, ways, checkCaller, limits }),
  )
  const running = stack.move()
  return {
    devices,
    presence,
    sendReceipts: () => downlink.sendReceipts(),
    get storeFault() {
      return store.fault
    },
    begin(socket, identity) {
      connects += 1
      sessions.begin(socket, identity)
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** The life of one connection: entered, announced, told online; read; at its end told offline. */
import type { IncomingMessage } from 'node:http'
import type { RawData, WebSocket } from 'ws'
import type { Logger } from '#libs/log/logger.ts'
import type { Nats } from '#libs/nats/connect.ts'
import { deviceSubjects } from '#libs/nats/subjects.ts'
import type { Identity } from './authenticate.ts'
import { Device } from './device.ts'
import type { Devices } from './devices.ts'
import type { Downlink } from './downlink.ts'
import type { TalariaMetrics } from './metrics.ts'
import type { Publisher } from './publisher.ts'
import { readConvey, statusEvent } from './status-event.ts'
import type { Takeover } from './takeover.ts'
import type { Uplink } from './uplink.ts'

/** What {@link connectDevice} needs besides the socket. */
export interface ConnectOptions {
  nats: Nats
  devices: Devices
  downlink: Downlink
  uplink: Uplink
  takeover: Takeover
  publisher: Publisher
  /** The source of status events, a locator. */
  source: string
  metrics: TalariaMetrics
  log: Logger
}

/** Takes a device whose upgrade was accepted. */
export function connectDevice(
  socket: WebSocket,
  identity: Identity,
  request: IncomingMessage,
  options: ConnectOptions,
): void {
  const { nats, devices, downlink, uplink, takeover, publisher, source, metrics, log } = options
  const convey = [request.headers['x-webpa-convey']].flat()[0]
  const device = new Device(socket, identity, readConvey(convey))
  const old = devices.add(device)
  if (old) {
    device.counts.duplications = old.counts.duplications + 1
    metrics.takeovers.inc({ where: 'here' })
    old.close('duplicate')
  }
  metrics.connected.inc()
  const subscription = nats.connection.subscribe(deviceSubjects(device.id), {
    callback: (error, message) => {
      if (!error) downlink.onMessage(device, message)
    },
  })
  takeover.announce(device)
  void publisher.publish(statusEvent(device, 'online', source), true)
  log.debug({ deviceId: device.id, sessionId: device.sessionId }, 'device connected')

  const onHeard = (): void => {
    device.heardAt = performance.now()
  }
  socket.on('message', (data: RawData, isBinary: boolean) => {
    onHeard()
    uplink.onFrame(device, data as Buffer, isBinary)
  })
  socket.on('ping', onHeard)
  socket.on('pong', onHeard)
  socket.on('error', (error) => {
    log.debug({ deviceId: device.id, error: error.message }, 'socket failed')
  })
  socket.on('close', () => {
    subscription.unsubscribe()
    devices.remove(device)
    for (const waiting of device.pending.values()) waiting.settle(undefined)
    const reason = device.closeReason ?? 'readerror'
    metrics.disconnected.inc({ reason })
    void publisher.publish(statusEvent(device, 'offline', source), true)
    log.debug({ deviceId: device.id, reason }, 'device disconnected')
  })
}

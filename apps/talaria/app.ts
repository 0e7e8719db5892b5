/** Talaria: holds the devices' websockets, between them and NATS. */
import { jetstream } from '@nats-io/jetstream'
import { createVerifier } from '#libs/auth/verify.ts'
import { ConfigError } from '#libs/config/load.ts'
import { errorResponse } from '#libs/http/error.ts'
import { serveOperations } from '#libs/http/operations.ts'
import { serve } from '#libs/http/server.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createLogger, type Logger } from '#libs/log/logger.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { connectNats, type Nats } from '#libs/nats/connect.ts'
import { holdLease } from '#libs/nats/lease.ts'
import { requireStreams } from '#libs/nats/streams.ts'
import { openTalarias, TALARIA_LEASE_MS, TALARIAS_BUCKET } from '#libs/nats/talarias.ts'
import type { TalariaConfig } from './config.ts'
import { connectDevice } from './connect.ts'
import { createControl, type Gate } from './control.ts'
import { createDevices, type Devices } from './devices.ts'
import { createDownlink } from './downlink.ts'
import { drain } from './drain.ts'
import { talariaMetrics } from './metrics.ts'
import { createPublisher } from './publisher.ts'
import { createTakeover } from './takeover.ts'
import { createUpgrade } from './upgrade.ts'
import { createUplink } from './uplink.ts'

/** Starts Talaria. @throws {ConfigError}, {NatsConnectError}, {StreamsMissingError}, {PortTakenError}. */
export async function start(
  config: TalariaConfig,
  log = createLogger('talaria', { level: config.LOG_LEVEL }),
): Promise<App> {
  requireDoor(config, log)
  await using starting = new AsyncDisposableStack()
  const registry = createRegistry()
  const metrics = talariaMetrics(registry)
  const source = config.TALARIA_SOURCE

  // Two connections, so that a burst of events does not stand in front of a command.
  const connect = (name: string): Promise<Nats> => connectNats({ url: config.NATS_URL, name, log })
  const events = starting.use(await connect('talaria-events'))
  const commands = starting.use(await connect('talaria-commands'))
  await requireStreams(events, ['EVENTS', `KV_${TALARIAS_BUCKET}`], log)
  const publisher = starting.use(
    createPublisher({
      jetStream: jetstream(events.connection),
      inFlightMax: config.TALARIA_EVENTS_IN_FLIGHT_MAX,
      metrics,
      log,
    }),
  )

  const devices = starting.use(
    createDevices({ pingMs: config.TALARIA_PING_MS, idleMs: config.TALARIA_IDLE_MS, metrics }),
  )
  const gate: Gate = { isOpen: true, changedAt: new Date() }
  let isDraining = false
  const hostname = config.TALARIA_HOST
  const server = starting.use(
    await serve({
      hostname,
      port: config.TALARIA_PORT,
      fetch: () => errorResponse(404, 'devices connect to /api/v2/device with a websocket'),
      onUpgrade: (request, socket, head) => onUpgrade(request, socket, head),
    }),
  )
  const talariaId = config.TALARIA_ID || `${hostname}-${server.port}`
  const takeover = createTakeover({ nats: commands, talariaId, metrics, log })
  const uplink = createUplink({
    publisher,
    source,
    deviceEventsInFlightMax: config.TALARIA_DEVICE_EVENTS_IN_FLIGHT_MAX,
    metrics,
    log,
  })
  const downlink = createDownlink({
    talariaId,
    commandMs: config.TALARIA_COMMAND_MS,
    commandsMax: config.TALARIA_COMMANDS_MAX,
    sendBytesMax: config.TALARIA_SEND_BYTES_MAX,
    takeover,
    metrics,
  })
  const parts = {
    nats: commands,
    devices,
    downlink,
    uplink,
    takeover,
    publisher,
    source,
    metrics,
    log,
  }
  const onUpgrade = createUpgrade({
    verifier: config.TALARIA_JWKS_URL
      ? createVerifier({ jwksUrl: config.TALARIA_JWKS_URL })
      : undefined,
    frameBytesMax: config.TALARIA_FRAME_BYTES_MAX,
    closedBecause: () => {
      if (!gate.isOpen || isDraining) return 'gate'
      return devices.count >= config.TALARIA_DEVICES_MAX ? 'limit' : undefined
    },
    onConnected: (socket, identity, request) => connectDevice(socket, identity, request, parts),
    metrics,
    log,
  })
  starting.use(announceOnReturn(commands, devices, () => takeover))
  starting.defer(() => drain(devices, 'shutdown', config.TALARIA_DRAIN_MS))

  const lease = starting.use(
    await holdLease(
      await openTalarias(commands, log),
      talariaId,
      () => ({
        url: config.TALARIA_URL || server.url,
        region: config.TALARIA_REGION,
        weight: config.TALARIA_WEIGHT,
        started: startedAt,
        devices: devices.count,
        draining: isDraining || !gate.isOpen,
      }),
      { ttlMs: TALARIA_LEASE_MS, log },
    ),
  )
  const operations = starting.use(
    await serveOperations({
      hostname,
      port: config.TALARIA_OPERATIONS_PORT,
      registry,
      checks: {
        nats: () => (events.isConnected && commands.isConnected) || 'NATS is away',
        open: () => (gate.isOpen && !isDraining) || 'takes no devices',
      },
      routes: createControl({
        gate,
        metrics,
        startDrain: () => {
          if (isDraining) return undefined
          isDraining = true
          return lease.renew().then(() => drain(devices, 'drained', config.TALARIA_DRAIN_MS))
        },
      }),
    }),
  )
  starting.defer(() => {
    // The first of the end: nobody is let in any more.
    isDraining = true
  })
  log.info({ url: server.url, talaria: talariaId }, 'ready')
  const running = starting.move()
  return {
    url: server.url,
    operationsUrl: operations.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** When this process began, for the list of Talarias. */
const startedAt = new Date().toISOString()

function requireDoor(config: TalariaConfig, log: Logger): void {
  if (config.TALARIA_OPEN) {
    log.warn('the door is open: devices need no token')
    return
  }
  if (!config.TALARIA_JWKS_URL) {
    throw new ConfigError(
      'TALARIA_JWKS_URL is missing: no device could be let in. Set it, or TALARIA_OPEN=true for development',
    )
  }
}

/** When NATS is back, others may have taken devices meanwhile, and must hear of ours. */
function announceOnReturn(
  nats: Nats,
  devices: Devices,
  takeover: () => ReturnType<typeof createTakeover>,
): Disposable {
  const ending = new AbortController()
  const unlisten = nats.onConnectedChange((isConnected) => {
    if (isConnected) void takeover().announceAll(devices, ending.signal)
  })
  return {
    [Symbol.dispose]() {
      unlisten()
      ending.abort()
    },
  }
}

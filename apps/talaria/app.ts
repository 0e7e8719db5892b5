/** Talaria, running: reads top to bottom as it starts, and bottom to top as it ends. */
import { hostname } from 'node:os'
import { watchKeys, type KeysWatch } from '#libs/auth/keys-watch.ts'
import { warnOfOpenRules } from '#libs/auth/token-rules.ts'
import { createVerifier, type Verifier } from '#libs/auth/verify.ts'
import { natsOf } from '#libs/config/common.ts'
import { connectionsOf } from '#libs/http/connections.ts'
import { serveOperations } from '#libs/http/operations.ts'
import { serve, type HttpServer } from '#libs/http/server.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createLogger, type Logger } from '#libs/log/logger.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { holdLease } from '#libs/nats/bucket/lease.ts'
import { watchStreams } from '#libs/nats/stream/streams-watch.ts'
import { openTalarias, TALARIA_LEASE_MS, type TalariaEntry } from '#libs/nats/bucket/talarias.ts'
import { openTracer } from '#libs/trace/tracer.ts'
import type { TalariaConfig } from './config.ts'
import { createControl } from './operations/control.ts'
import { createDrain } from './operations/drain.ts'
import { createGate } from './operations/gate.ts'
import { attachLevers } from './operations/levers.ts'
import { openHolding } from './holding.ts'
import { createMetrics, SPARED_STREAMS, STREAMS, type TalariaMetrics } from './metrics.ts'
import { createChecks } from './readiness.ts'
import { createRoutes } from './door/routes.ts'
import { createUpgrade } from './door/upgrade.ts'

/**
 * A device shows its token when it connects. Only one that comes back again and again is worth
 * remembering: with thousands of silent ones their tokens would be a fifth of a KiB each.
 */
const TOKENS_REMEMBERED_MAX = 512

/** Starts Talaria. @throws PortTakenError, NatsConnectError, StreamsMissingError. */
export async function start(
  config: TalariaConfig,
  log = createLogger('talaria', { level: config.LOG_LEVEL }),
): Promise<App> {
  await using starting = new AsyncDisposableStack()
  const metrics = createMetrics()
  const faults = createFaults(metrics.faults, log)
  const tracing = { config, metrics, log, instanceId: config.TALARIA_ID }
  const tracer = starting.use(await openTracer('talaria', tracing))

  // Two connections: events that pile up must not hold up commands and their receipts.
  const commands = starting.use(await connect('talaria-commands', config, metrics, log))
  const events = starting.use(await connect('talaria-events', config, metrics, log))
  const watched = { names: STREAMS, spared: SPARED_STREAMS, gauge: metrics.streamMissing, log }
  const streams = starting.use(await watchStreams(events, watched))

  const verifier = openVerifier(config, metrics, log)
  const keys = starting.use(await openKeys(verifier, config, metrics, log))

  // Listens before anybody is let in: the port is part of this Talaria's name and URL.
  const server = starting.use(await servePrimary(config, metrics, log))
  const { talariaId, url, source } = namesOf(config, server)

  const parts = { config, commands, events, talariaId, source, tracer, metrics, faults, log }
  const holding = starting.use(await openHolding(parts))
  const { devices, presence, begin: onDevice } = holding
  const drain = createDrain(devices, config.TALARIA_LEAVE_MS)
  const gate = createGate(metrics)
  const operators = config.TALARIA_OPERATIONS_CREDENTIALS
  const state = { isTaking: false, isEnding: false }
  const operations = starting.use(
    await serveOperations({
      hostname: config.TALARIA_OPERATIONS_HOST,
      port: config.TALARIA_OPERATIONS_PORT,
      registry: metrics.registry,
      checks: createChecks({ commands, events, holding, streams, keys, gate, state }),
      routes: createControl({ gate, drain, devices, operators }),
    }),
  )
  // On the list while it may hold a device, so that nobody says meanwhile that nobody does; wanting
  // none until it takes them.
  const place = placeOf(config, url)
  const entry = (): TalariaEntry => ({
    ...place,
    devices: devices.count,
    draining: !state.isTaking || !gate.isOpen || drain.isActive,
  })
  const talarias = await openTalarias(events, log)
  const options = { ttlMs: TALARIA_LEASE_MS, nats: events, log, onLapse: presence.recheck }
  const lease = starting.use(await holdLease(talarias, talariaId, entry, options))
  const levers = { nats: commands, talariaId, gate, drain, devices, place, metrics, faults, log }
  starting.use(attachLevers({ ...levers, sendReceipts: holding.sendReceipts }))
  starting.defer(() => drain.all(config.TALARIA_DRAIN_MS))
  starting.defer(() => void gate.set(false))
  // Before anybody is let in: a device that comes back must not find its former session here.
  await presence.takeUp()
  const way = { config, verifier, gate, devices, onDevice, metrics, faults, log }
  server.takeUpgrades(starting.use(createUpgrade(way)).take)

  for (const lever of [gate, drain]) lever.onChange(() => void lease.renew())
  const take = (isWanted: boolean): Promise<void> => {
    state.isTaking = isWanted
    return lease.renew()
  }
  await take(true)
  starting.use(await presence.watch(talarias))
  starting.defer(() => {
    state.isEnding = true
    void take(false)
  })
  log.info({ url, talariaId }, 'ready')
  const running = starting.move()
  return {
    url: server.url,
    operationsUrl: operations.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function connect(
  name: 'talaria-commands' | 'talaria-events',
  config: TalariaConfig,
  metrics: TalariaMetrics,
  log: Logger,
): Promise<Nats> {
  const nats = await connectNats({ ...natsOf(config), name, log })
  metrics.connections.watch(name, nats)
  return nats
}

/** Whether tokens can be judged; nothing of it for a Talaria that lets devices in without one. */
async function openKeys(
  verifier: Verifier,
  config: TalariaConfig,
  { keysAvailable: gauge }: TalariaMetrics,
  log: Logger,
): Promise<KeysWatch | undefined> {
  if (!config.TALARIA_OPEN) return watchKeys({ verifier, gauge, log })
  log.warn('open to devices without a token: TALARIA_OPEN is true')
  return undefined
}

/** What judges the tokens of devices. */
function openVerifier(
  config: TalariaConfig,
  { tokens: counter }: TalariaMetrics,
  log: Logger,
): Verifier {
  const rules = {
    issuers: config.TALARIA_TOKEN_ISSUER,
    audiences: config.TALARIA_TOKEN_AUDIENCE,
    ageMaxMs: config.TALARIA_TOKEN_AGE_MAX_MS,
  }
  warnOfOpenRules('TALARIA', rules, log)
  return createVerifier({
    jwksUrl: config.TALARIA_JWKS_URL,
    rules,
    counter,
    remembered: { countMax: TOKENS_REMEMBERED_MAX },
  })
}

const servePrimary = (
  config: TalariaConfig,
  metrics: TalariaMetrics,
  log: Logger,
): Promise<HttpServer> =>
  serve({
    fetch: createRoutes(log).fetch,
    hostname: config.TALARIA_HOST,
    port: config.TALARIA_PORT,
    connections: connectionsOf(config, metrics, log),
  })

/** What does not change of the entry in TALARIAS while this Talaria lives. */
const placeOf = (
  config: TalariaConfig,
  url: string,
): Omit<TalariaEntry, 'devices' | 'draining'> => ({
  url,
  ...(config.TALARIA_INTERNAL_URL !== '' && { internalUrl: config.TALARIA_INTERNAL_URL }),
  region: config.TALARIA_REGION,
  weight: config.TALARIA_WEIGHT,
  started: new Date().toISOString(),
})

/** What this Talaria is called, where devices are sent, and whose its own messages are. */
function namesOf(config: TalariaConfig, server: HttpServer) {
  // A host name may hold what the key of a bucket may not.
  const fallback = `${hostname()}-${server.port}`.replaceAll(/[^A-Za-z0-9-]/g, '-')
  const url = config.TALARIA_URL || server.url
  return { talariaId: config.TALARIA_ID || fallback, url, source: `dns:${new URL(url).hostname}` }
}

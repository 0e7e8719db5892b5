/** Petasos: sends each device to the Talaria that owns its id. */
import { serveOperations } from '#libs/http/operations.ts'
import { serve } from '#libs/http/server.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createLogger } from '#libs/log/logger.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { connectNats } from '#libs/nats/connect.ts'
import { watchLeases } from '#libs/nats/lease.ts'
import { requireStreams } from '#libs/nats/streams.ts'
import {
  openTalarias,
  TALARIA_LEASE_MS,
  TALARIAS_BUCKET,
  type TalariaEntry,
} from '#libs/nats/talarias.ts'
import type { PetasosConfig } from './config.ts'
import { createListener } from './listener.ts'
import { petasosMetrics, type PetasosMetrics } from './metrics.ts'

/** Starts Petasos. @throws {NatsConnectError}, {StreamsMissingError}, {PortTakenError}. */
export async function start(
  config: PetasosConfig,
  log = createLogger('petasos', { level: config.LOG_LEVEL }),
): Promise<App> {
  await using starting = new AsyncDisposableStack()
  const registry = createRegistry()
  const metrics = petasosMetrics(registry)

  const nats = starting.use(await connectNats({ url: config.NATS_URL, name: 'petasos', log }))
  await requireStreams(nats, [`KV_${TALARIAS_BUCKET}`], log)
  const talarias = starting.use(
    await watchLeases(await openTalarias(nats, log), { ttlMs: TALARIA_LEASE_MS, log, nats }),
  )
  const count = (): void => countTalarias(metrics, talarias.current(), talarias.isStale)
  talarias.onChange(count)
  starting.use({ [Symbol.dispose]: nats.onConnectedChange(count) })
  count()

  const hostname = config.PETASOS_HOST
  const operations = starting.use(
    await serveOperations({
      hostname,
      port: config.PETASOS_OPERATIONS_PORT,
      registry,
      // Without NATS it goes on with the list it has, so that is no reason to be taken out.
      checks: { talarias: () => talarias.current().size > 0 || 'no Talaria is known' },
    }),
  )
  const listener = createListener({
    talarias: () => talarias.current(),
    metrics,
    log,
    headers: identityHeaders(config),
    logsRedirects: config.PETASOS_LOG_REDIRECTS,
  })
  const server = starting.use(
    await serve({
      hostname,
      port: config.PETASOS_PORT,
      listener: listener.onRequest,
      onUpgrade: listener.onUpgrade,
    }),
  )
  log.info({ url: server.url }, 'ready')
  const running = starting.move()
  return {
    url: server.url,
    operationsUrl: operations.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function countTalarias(
  metrics: PetasosMetrics,
  talarias: ReadonlyMap<string, TalariaEntry>,
  isStale: boolean,
): void {
  const draining = [...talarias.values()].filter((each) => each.draining).length
  metrics.talarias.set({ state: 'draining' }, draining)
  metrics.talarias.set({ state: 'live' }, talarias.size - draining)
  metrics.isStale.set(isStale ? 1 : 0)
}

/** What upstream's Petasos says of itself with every answer. api.md F. */
function identityHeaders(config: PetasosConfig): Record<string, string> {
  return {
    'X-Petasos-Build': 'xmidt-on-nats',
    'X-Petasos-Server': config.PETASOS_HOST,
    'X-Petasos-Region': config.PETASOS_REGION,
    'X-Petasos-Flavor': 'nats',
    'X-Petasos-Start-Time': new Date().toUTCString(),
  }
}

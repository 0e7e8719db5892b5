/** Petasos: sends each device to the Talaria that owns its id. */
import { connectionsOf } from '#libs/http/connections.ts'
import { serveOperations } from '#libs/http/operations.ts'
import { serve, type HttpServer } from '#libs/http/server.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createLogger } from '#libs/log/logger.ts'
import { openTracer } from '#libs/trace/tracer.ts'
import type { PetasosConfig } from './config.ts'
import { createListener } from './listener.ts'
import { followMembers } from './members.ts'
import { createMetrics, type TalariaList } from './metrics.ts'
import type { Side } from './redirect.ts'

/** The list before there is one. */
const NOT_YET_KNOWN: TalariaList = { current: () => new Map(), isStale: true }

/** A running Petasos. */
export interface Petasos extends App {
  /** Where devices inside the same network ask; undefined when there is no such listener. */
  readonly internalUrl: string | undefined
}

/** Starts Petasos. @throws {NatsConnectError}, {StreamsMissingError}, {PortTakenError}. */
export async function start(
  config: PetasosConfig,
  log = createLogger('petasos', { level: config.LOG_LEVEL }),
): Promise<Petasos> {
  await using starting = new AsyncDisposableStack()
  const hostname = config.PETASOS_HOST
  let talarias = NOT_YET_KNOWN
  const metrics = createMetrics(() => talarias)
  const faults = createFaults(metrics.faults, log)
  const tracer = starting.use(await openTracer('petasos', { config, metrics, log }))

  // First, so that it can be seen to live while it waits for NATS.
  const operations = starting.use(
    await serveOperations({
      hostname: config.PETASOS_OPERATIONS_HOST,
      port: config.PETASOS_OPERATIONS_PORT,
      registry: metrics.registry,
      // Without NATS it goes on with the list it has, so that is no reason to be taken out.
      checks: { talarias: () => talarias.current().size > 0 || 'no Talaria is known' },
    }),
  )
  const members = starting.use(followMembers({ config, metrics, log }))
  talarias = members
  // With the list of its life before it need not wait for NATS.
  if (members.current().size === 0) await members.known
  else
    log.info({ talarias: members.current().size }, 'serving the list on disk until NATS is there')

  const options = {
    talarias: () => talarias.current(),
    tracer,
    metrics,
    faults,
    log,
    headers: identityHeaders(config),
    logsRedirects: config.PETASOS_LOG_REDIRECTS,
  }
  const connections = connectionsOf(config, metrics, log)
  const answerOn = async (port: number, side: Side): Promise<HttpServer> => {
    const { onRequest: listener, onUpgrade } = createListener({ ...options, side })
    const server = starting.use(await serve({ hostname, port, listener, connections }))
    server.takeUpgrades(onUpgrade)
    return server
  }
  const server = await answerOn(config.PETASOS_PORT, 'public')
  const internal =
    config.PETASOS_INTERNAL_PORT === undefined
      ? undefined
      : await answerOn(config.PETASOS_INTERNAL_PORT, 'internal')
  log.info({ url: server.url, internalUrl: internal?.url }, 'ready')
  const running = starting.move()
  return {
    url: server.url,
    internalUrl: internal?.url,
    operationsUrl: operations.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** What upstream's Petasos says of itself with every answer. api.md F. */
function identityHeaders(config: PetasosConfig): Record<string, string> {
  return {
    'X-Petasos-Build': 'xmidt-on-nats',
    'X-Petasos-Server': config.PETASOS_HOST,
    'X-Petasos-Region': config.PETASOS_REGION,
    'X-Petasos-Flavor': 'nats',
    'X-Petasos-Start-Time': startTime(new Date()),
  }
}

/** In RFC 822's form, as upstream's: `26 Aug 19 18:43 UTC`. */
function startTime(date: Date): string {
  const [, day, month, year = '', time = ''] = date.toUTCString().split(' ')
  return `${day} ${month} ${year.slice(-2)} ${time.slice(0, 5)} UTC`
}

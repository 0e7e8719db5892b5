/**
 * Edge: the one door of the compose stack. It listens on the published ports and carries bytes to
 * the containers behind; it reads none of them. A load balancer takes its place in production.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { ConfigError } from '#libs/config/load.ts'
import { findReplica } from '#libs/docker/replica.ts'
import { serveOperations } from '#libs/http/operations.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createLogger } from '#libs/log/logger.ts'
import type { EdgeConfig } from './config.ts'
import { createDial, type DialOptions } from './dial.ts'
import { join } from './join.ts'
import { createMetrics } from './metrics.ts'
import type { Route } from './routes.ts'

/** A running Edge. */
export interface Edge extends App {
  /** The ports that it listens on, in the order of EDGE_ROUTES. */
  readonly ports: readonly number[]
}

/** Starts Edge. @throws {ConfigError} without a route, {NoReplicaError}, Node's own for a taken port. */
export async function start(
  config: EdgeConfig,
  log = createLogger('edge', { level: config.LOG_LEVEL }),
): Promise<Edge> {
  const routes = config.EDGE_ROUTES
  if (routes.length === 0) throw new ConfigError('EDGE_ROUTES is empty: nothing would be reachable')
  await using starting = new AsyncDisposableStack()
  const metrics = createMetrics()
  const faults = createFaults(metrics.faults, log)
  const dial = createDial({
    hostnameOf: await replicaNames(routes),
    connectMs: config.EDGE_CONNECT_MS,
  })
  const sockets = new Set<Socket>()
  const ending = new AbortController()
  starting.defer(() => {
    ending.abort()
    for (const socket of sockets) socket.destroy()
  })

  const carry = async (client: Socket, route: Route): Promise<void> => {
    // Until it is joined nobody else listens, and an error without a listener ends the process.
    client.on('error', () => client.destroy())
    if (sockets.size >= config.EDGE_CONNECTIONS_MAX) {
      metrics.refused.inc({ reason: 'full' })
      client.destroy()
      return
    }
    sockets.add(client)
    metrics.connections.set(sockets.size)
    try {
      const target = await dial(route, ending.signal)
      metrics.carried.inc()
      await join(client, target)
    } catch (error) {
      metrics.refused.inc({ reason: 'unreachable' })
      client.destroy()
      log.warn({ ...route, error: String(error) }, 'nobody accepts')
    } finally {
      sockets.delete(client)
      metrics.connections.set(sockets.size)
    }
  }

  const ports: number[] = []
  for (const route of routes) {
    const server = createServer({ allowHalfOpen: true }, (client) => {
      carry(client, route).catch(faults.of('connection'))
    })
    await listen(server, route.port, config.EDGE_HOST)
    // An accept that fails, as there are no more files, is tried again and ends nothing.
    server.on('error', (error) => log.warn({ error: error.message }, 'not accepted'))
    starting.defer(() => void server.close())
    ports.push((server.address() as AddressInfo).port)
  }
  const operations = starting.use(
    await serveOperations({
      hostname: config.EDGE_OPERATIONS_HOST,
      port: config.EDGE_OPERATIONS_PORT,
      registry: metrics.registry,
      checks: {},
    }),
  )
  log.info({ ports }, 'ready')
  const running = starting.move()
  return {
    url: `tcp://${config.EDGE_HOST}:${ports[0] ?? 0}`,
    operationsUrl: operations.url,
    ports,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Rejects with Node's own error for a taken port. */
const listen = (server: Server, port: number, hostname: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, hostname, resolve)
  })

/** Only where a route leads to a certain container need it be known how containers are called. */
async function replicaNames(routes: readonly Route[]): Promise<DialOptions['hostnameOf']> {
  if (routes.every(({ replica }) => replica === undefined)) return (service) => service
  return (await findReplica('edge')).hostnameOf
}

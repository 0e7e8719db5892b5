/** The second port of every app: what supervisors, load balancers and Prometheus ask. */
import { Hono, type MiddlewareHandler } from 'hono'
import type { AppRegistry } from '#libs/metrics/registry.ts'
import { errorResponse, notFound } from './error.ts'
import { serve, type HttpServer } from './server.ts'

/** What an app must have to be of use: true, or a sentence about what is missing. */
export type Checks = Readonly<Record<string, () => boolean | string>>

/** Supervisors, Prometheus and a few people; whoever opens more takes the app's files. */
const CONNECTIONS_MAX = 256

/** What {@link serveOperations} needs. */
export interface OperationsOptions {
  hostname: string
  port: number
  registry: AppRegistry
  checks: Checks
  /** Further routes, such as Talaria's control API. */
  routes?: Hono
}

/**
 * Serves `/livez` (the process answers), `/readyz` (it is of use; else 503 and why), `/health`
 * (all checks, and how it runs) and `/metrics`.
 */
export async function serveOperations(options: OperationsOptions): Promise<HttpServer> {
  const { hostname, port, registry, checks, routes } = options
  const app = new Hono()
  app.use(refuseForeignPages)
  app.get('/livez', (c) => c.text('ok\n'))
  app.get('/readyz', (c) => {
    const { isReady, results } = runChecks(checks)
    return c.json({ status: isReady ? 'ready' : 'not ready', checks: results }, isReady ? 200 : 503)
  })
  app.get('/health', (c) => {
    const { isReady, results } = runChecks(checks)
    return c.json({
      status: isReady ? 'ready' : 'not ready',
      checks: results,
      uptimeSeconds: Math.round(process.uptime()),
      memoryBytes: process.memoryUsage().rss,
    })
  })
  app.get('/metrics', async (c) =>
    c.body(await registry.page(), 200, { 'Content-Type': registry.contentType }),
  )
  if (routes) app.route('/', routes)
  app.notFound(notFound)
  const served = await serve({ fetch: app.fetch, hostname, port })
  served.server.maxConnections = CONNECTIONS_MAX
  return served
}

/**
 * A page of another site can let its reader's browser send requests to this machine's own ports; the
 * browser then says whose page it is. No page of ours asks here.
 */
const refuseForeignPages: MiddlewareHandler = (c, next) => {
  const origin = c.req.header('origin')
  const isForeign = origin !== undefined && origin !== new URL(c.req.url).origin
  if (!isForeign) return next()
  return Promise.resolve(errorResponse(403, 'requests from pages of another origin are refused'))
}

function runChecks(checks: Checks): { isReady: boolean; results: Record<string, string> } {
  const results: Record<string, string> = {}
  let isReady = true
  for (const [name, check] of Object.entries(checks)) {
    const result = check()
    results[name] = result === true ? 'ok' : result === false ? 'failed' : result
    isReady &&= result === true
  }
  return { isReady, results }
}

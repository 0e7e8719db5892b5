/** Themis: signs the tokens that devices and callers present, and publishes the key. */
import { userOfCredential } from '#libs/auth/basic.ts'
import { ConfigError } from '#libs/config/load.ts'
import { connectionsOf } from '#libs/http/connections.ts'
import { serveOperations } from '#libs/http/operations.ts'
import { serve } from '#libs/http/server.ts'
import { readServerTls } from '#libs/http/tls.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createLogger, type Logger } from '#libs/log/logger.ts'
import { openTracer } from '#libs/trace/tracer.ts'
import { createApi } from './api.ts'
import type { ThemisConfig } from './config.ts'
import { isShared } from './grants.ts'
import { openKey } from './key.ts'
import { createMetrics } from './metrics.ts'

/** Starts Themis. @throws {ConfigError} when nobody could get a token, {KeyError}, {PortTakenError}. */
export async function start(
  config: ThemisConfig,
  log = createLogger('themis', { level: config.LOG_LEVEL }),
): Promise<App> {
  const tls = readServerTls({
    certificate: config.THEMIS_TLS_CERTIFICATE_FILE,
    key: config.THEMIS_TLS_KEY_FILE,
    clientAuthority: config.THEMIS_TLS_CLIENT_CA_FILE,
  })
  const isForSomebody = config.THEMIS_DEVICE_CREDENTIALS.length > 0 || tls?.clientAuthority
  if (!isForSomebody && !config.THEMIS_OPEN) {
    throw new ConfigError(
      'THEMIS_DEVICE_CREDENTIALS is empty: no device could get a token. Set it, or ' +
        'THEMIS_TLS_CLIENT_CA_FILE for devices with certificates, or THEMIS_OPEN=true for development',
    )
  }
  if (config.THEMIS_OPEN) log.warn('the door is open: anybody gets a token for any device')
  warnOfSharedCredentials(config, log)
  await using starting = new AsyncDisposableStack()
  const metrics = createMetrics()
  const tracer = starting.use(await openTracer('themis', { config, metrics, log }))
  const key = openKey(config.THEMIS_KEY_FILE)
  const hostname = config.THEMIS_HOST
  const operations = starting.use(
    await serveOperations({
      hostname: config.THEMIS_OPERATIONS_HOST,
      port: config.THEMIS_OPERATIONS_PORT,
      registry: metrics.registry,
      checks: {},
    }),
  )
  const api = createApi({ config, key, tracer, metrics, log })
  const connections = connectionsOf(config, metrics, log)
  const where = { hostname, port: config.THEMIS_PORT, connections, tls }
  const server = starting.use(await serve({ fetch: api.fetch, ...where }))
  log.info({ url: server.url, kid: key.kid }, 'ready')
  const running = starting.move()
  return {
    url: server.url,
    operationsUrl: operations.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Whoever has such a credential can be any device: said at the start, as an open door is. */
function warnOfSharedCredentials(config: ThemisConfig, log: Logger): void {
  const users = new Set(config.THEMIS_DEVICE_CREDENTIALS.map(userOfCredential))
  for (const user of users) {
    const grant = config.THEMIS_DEVICE_GRANTS.get(user)
    if (grant && !isShared(grant)) continue
    log.warn({ user }, 'a credential gets tokens for any device: bind it by THEMIS_DEVICE_GRANTS')
  }
}

/** Scytale, running: reads top to bottom as it starts, and bottom to top as it ends. */
import { createBasic } from '#libs/auth/basic.ts'
import { createCallerAuthentication } from '#libs/auth/caller.ts'
import { watchKeys } from '#libs/auth/keys-watch.ts'
import { warnOfOpenRules } from '#libs/auth/token-rules.ts'
import { createVerifier, type Verifier } from '#libs/auth/verify.ts'
import { natsOf } from '#libs/config/common.ts'
import { connectionsOf } from '#libs/http/connections.ts'
import { serveOperations } from '#libs/http/operations.ts'
import { listenerOf, serve } from '#libs/http/server.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createLogger, type Logger } from '#libs/log/logger.ts'
import { createCommander } from '#libs/nats/command/command.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { openTracer } from '#libs/trace/tracer.ts'
import { MESSAGE_BYTES_DEFAULT } from '#libs/wrp/message-size.ts'
import { createAuthorise } from './caller/access.ts'
import { createAdmission } from './caller/admission.ts'
import { createApi, type ApiOptions } from './api.ts'
import { createAskSettled } from './asking/ask-settled.ts'
import type { ScytaleConfig } from './config.ts'
import { createDirect } from './direct.ts'
import { endRequests } from './caller/end-requests.ts'
import { identityOf } from './caller/identity.ts'
import { createMetrics, type ScytaleMetrics } from './metrics.ts'
import { createSend } from './send.ts'
import { createStat } from './stat.ts'
import { watchTalarias } from './asking/talarias.ts'
import { createUntaken } from './asking/untaken.ts'
import { createView } from './asking/view.ts'

/**
 * Room for the headers of a command, which count towards NATS' limit too: the partners of a token,
 * which is 12 kB at most, thrice as long when they are escaped.
 */
const HEADER_BYTES = 40 * 1_024

/** Starts Scytale. @throws PortTakenError, NatsConnectError, StreamsMissingError. */
export async function start(
  config: ScytaleConfig,
  log = createLogger('scytale', { level: config.LOG_LEVEL }),
): Promise<App> {
  await using starting = new AsyncDisposableStack()
  const metrics = createMetrics()
  const faults = createFaults(metrics.faults, log)
  const tracer = starting.use(await openTracer('scytale', { config, metrics, log }))
  const nats = starting.use(await connectNats({ ...natsOf(config), name: 'scytale', log }))
  metrics.connections.watch('scytale', nats)
  const talarias = starting.use(await watchTalarias(nats, log))
  const commander = starting.use(createCommander(nats, { onFault: faults.of('reply') }))
  const view = starting.use(createView({ nats, talarias: talarias.current, metrics, faults }))
  const untaken = createUntaken({ nats, view, metrics })
  const askSettled = createAskSettled({ commander, view, untaken, metrics })

  const verifier = openVerifier(config, metrics, log)
  const watching = { verifier, gauge: metrics.keysAvailable, log }
  const keys = config.SCYTALE_OPEN ? undefined : starting.use(await watchKeys(watching))
  // Callers with a password need no keys: they are served without.
  const needsKeys = config.SCYTALE_BASIC_CREDENTIALS.length === 0
  const authenticate = createCallerAuthentication({
    basic: createBasic(config.SCYTALE_BASIC_CREDENTIALS),
    verifier,
    isOpen: config.SCYTALE_OPEN,
  })
  const messageBytesMax = (): number =>
    Math.min(MESSAGE_BYTES_DEFAULT, (nats.connection.info?.max_payload ?? Infinity) - HEADER_BYTES)
  const admission = createAdmission(config.SCYTALE_REQUESTS_MAX, (count) =>
    metrics.requestsInFlight.set(count),
  )
  const api: ApiOptions = {
    config,
    identity: identityOf(config, new Date()),
    admission,
    authorise: createAuthorise({ authenticate, config, metrics }),
    send: createSend({ askSettled, messageBytesMax, config, tracer, metrics, log }),
    stat: createStat({ askSettled, tracer, metrics, log }),
    tracer,
    metrics,
    log,
  }

  const operations = starting.use(
    await serveOperations({
      hostname: config.SCYTALE_OPERATIONS_HOST,
      port: config.SCYTALE_OPERATIONS_PORT,
      registry: metrics.registry,
      checks: {
        nats: () => nats.isConnected || 'NATS is away',
        life: () => !admission.isEnding || 'it is ending',
        keys: () => (needsKeys && keys?.fault) || true,
      },
    }),
  )
  const connections = connectionsOf(config, metrics, log)
  const { SCYTALE_HOST: hostname, SCYTALE_PORT: port } = config
  const listener = createDirect(api, listenerOf({ fetch: createApi(api).fetch, hostname }))
  const server = starting.use(await serve({ listener, hostname, port, connections }))
  const waitMs = config.SCYTALE_DRAIN_MS
  starting.defer(() => endRequests({ admission, commander, waitMs, log }))
  log.info({ url: server.url }, 'ready')
  const running = starting.move()
  return {
    url: server.url,
    operationsUrl: operations.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** What judges the tokens of callers; says the doors that are open. */
function openVerifier(
  config: ScytaleConfig,
  { tokens: counter }: ScytaleMetrics,
  log: Logger,
): Verifier {
  if (config.SCYTALE_OPEN) log.warn('open to every caller: SCYTALE_OPEN is true')
  const rules = {
    issuers: config.SCYTALE_TOKEN_ISSUER,
    audiences: config.SCYTALE_TOKEN_AUDIENCE,
    ageMaxMs: config.SCYTALE_TOKEN_AGE_MAX_MS,
  }
  warnOfOpenRules('SCYTALE', rules, log)
  return createVerifier({ jwksUrl: config.SCYTALE_JWKS_URL, rules, counter })
}

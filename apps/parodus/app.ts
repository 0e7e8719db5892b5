/** Parodus: the device's side. One connection to the fabric, messages of local services over it. */
import { serveOperations } from '#libs/http/operations.ts'
import type { HttpServer } from '#libs/http/server.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createLogger, type Logger } from '#libs/log/logger.ts'
import type { AppRegistry } from '#libs/metrics/registry.ts'
import { listenPull } from '#libs/sp/pull.ts'
import { openTracer } from '#libs/trace/tracer.ts'
import { readBytesMax, type ParodusConfig } from './config.ts'
import { createCredential, type Credential } from './cloud/credential.ts'
import { openThemisConnections } from './cloud/themis-connections.ts'
import { readIdentity, type DeviceIdentity } from './identity.ts'
import { createMetrics } from './metrics.ts'
import { createOutbox } from './cloud/outbox.ts'
import { createSendNow } from './cloud/send-now.ts'
import { createRouter } from './router.ts'
import { createServices } from './local/services.ts'
import { keepSession } from './cloud/session.ts'

/** Starts Parodus; it connects by itself, for ever. @throws {ConfigError}, and for a local port that is taken. */
export async function start(
  config: ParodusConfig,
  log = createLogger('parodus', { level: config.LOG_LEVEL }),
): Promise<App> {
  await using starting = new AsyncDisposableStack()
  const metrics = createMetrics()
  const faults = createFaults(metrics.faults, log)
  const identity = readIdentity(config)
  const tracing = { config, metrics, log, instanceId: identity.deviceId }
  const tracer = starting.use(await openTracer('parodus', tracing))
  const services = starting.use(
    createServices({ keepAliveMs: config.PARODUS_KEEP_ALIVE_MS, metrics, faults, log }),
  )
  const outbox = createOutbox({
    messagesMax: config.PARODUS_QUEUE_MESSAGES_MAX,
    bytesMax: config.PARODUS_QUEUE_BYTES_MAX,
    messageBytesMax: config.PARODUS_MESSAGE_BYTES_MAX,
    maxAgeMs: config.PARODUS_QUEUE_MS,
    metrics,
  })
  const messageBytesMax = config.PARODUS_MESSAGE_BYTES_MAX
  const send = (bytes: Uint8Array): boolean => session.send(bytes)
  const sendNow = createSendNow({ send, messageBytesMax, metrics })
  const router = createRouter({
    identity,
    services,
    outbox,
    sendNow,
    isConnected: () => session.isConnected,
    reconnectReason: () => session.reconnectReason,
    tracer,
    metrics,
    log,
  })
  const session = starting.use(
    keepSession({
      identity,
      credential: credentialOf(config, { identity, log, ending: starting }),
      onConnected: () => outbox.connected(send),
      onDisconnected: () => outbox.disconnected(),
      onMessage: (bytes) => void router.fromFabric(bytes).catch(faults.of('fabric-message')),
      metrics,
      log,
    }),
  )
  const pull = starting.use(
    await listenPull({
      url: config.PARODUS_LOCAL_URL,
      messageBytesMax: readBytesMax(config),
      onMessage: (bytes) => void router.fromService(bytes).catch(faults.of('local-message')),
      onFault: (error) => {
        metrics.local.inc({ outcome: 'fault' })
        log.warn({ error: error.message }, 'local link ended')
      },
    }),
  )
  const operations = await openOperations(config, metrics.registry, () => session.isConnected)
  if (operations) starting.use(operations)
  log.info({ url: pull.url, deviceId: identity.deviceId }, 'ready')
  const running = starting.move()
  return {
    url: pull.url,
    operationsUrl: operations?.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function credentialOf(
  config: ParodusConfig,
  {
    identity,
    log,
    ending,
  }: { identity: DeviceIdentity; log: Logger; ending: AsyncDisposableStack },
): Credential {
  const connections = openThemisConnections({
    authority: config.PARODUS_THEMIS_CA_FILE,
    certificate: config.PARODUS_CERTIFICATE_FILE,
    key: config.PARODUS_KEY_FILE,
  })
  if (connections) ending.defer(() => connections.destroy())
  return createCredential({ themisUrl: config.PARODUS_THEMIS_URL, identity, connections, log })
}

/** A device has no one to look at them by default. */
async function openOperations(
  config: ParodusConfig,
  registry: AppRegistry,
  isConnected: () => boolean,
): Promise<HttpServer | undefined> {
  if (config.PARODUS_OPERATIONS_PORT === undefined) return undefined
  return serveOperations({
    hostname: '127.0.0.1',
    port: config.PARODUS_OPERATIONS_PORT,
    registry,
    checks: { fabric: () => isConnected() || 'not connected' },
  })
}

/** Caduceus, put together. Read upwards it is the order of its end. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { Dispatcher } from 'undici'
import { natsOf } from '#libs/config/common.ts'
import { serveOperations } from '#libs/http/operations.ts'
import { serve } from '#libs/http/server.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connect.ts'
import { requireStreams } from '#libs/nats/streams.ts'
import { openTracer } from '#libs/trace/tracer.ts'
import { createAddressGuard } from './delivery/addresses.ts'
import { createApi } from './api.ts'
import { createAttempts } from './delivery/attempt.ts'
import type { CaduceusConfig } from './config.ts'
import { createDeliver, type Deliver, type DeliverOptions } from './delivery/deliver.ts'
import { createDialer } from './delivery/dial.ts'
import { EVENTS_STREAM } from './consumers/consumer-api.ts'
import { createMetrics } from './metrics.ts'
import { createRegister } from './registration/register.ts'
import { createBacklogWatch } from './delivery/failure-notice.ts'
import { followWebhooks } from './consumers/follow.ts'
import { createLossWatch } from './consumers/retention-loss.ts'
import { openWebhooks, WEBHOOKS_BUCKET } from './webhook.ts'
import { createWebhooks } from './consumers/webhooks.ts'

/** What must be there before anything is promised. */
const STREAMS = [EVENTS_STREAM, 'DEAD_LETTERS', `KV_${WEBHOOKS_BUCKET}`]

/** Starts Caduceus: resolves when the webhooks that are there are being delivered to. */
export async function start(
  config: CaduceusConfig,
  log = createLogger('caduceus', { level: config.LOG_LEVEL }),
): Promise<App> {
  await using starting = new AsyncDisposableStack()
  const metrics = createMetrics()
  const tracer = starting.use(await openTracer('caduceus', { config, metrics, log }))
  const guard = createAddressGuard(config.CADUCEUS_ADDRESSES_ALLOWED)
  if (config.CADUCEUS_OPEN) log.warn('callers without a credential are let in: CADUCEUS_OPEN')

  const nats = starting.use(await connectNats({ ...natsOf(config), name: 'caduceus', log }))
  metrics.connections.watch('caduceus', nats)
  await requireStreams(nats, STREAMS, log)
  const jetStream = jetstream(nats.connection)
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  const bucket = await openWebhooks(nats, log)

  const dispatcher = starting.adopt(createDialer(guard), (dialer) => dialer.close())
  const limits = {
    attemptMs: config.CADUCEUS_ATTEMPT_MS,
    unackedMax: config.CADUCEUS_UNACKED_MAX,
  }
  const webhooks = starting.use(
    createWebhooks({
      jetStream,
      manager,
      limits,
      concurrency: config.CADUCEUS_CONCURRENCY,
      deliver: createDelivery({ config, dispatcher, jetStream, tracer, metrics, log }),
      lossWatch: createLossWatch({ metrics, log }),
      metrics,
      log,
    }),
  )

  const follow = { webhooks, bucket, manager, config, metrics, log }
  starting.use(await followWebhooks(follow))

  const register = createRegister({
    bucket,
    manager,
    webhooks,
    guard,
    limits,
    webhooksMax: config.CADUCEUS_WEBHOOKS_MAX,
    log,
  })
  const api = createApi({ config, register, webhooks, bucket, jetStream, tracer, metrics, log })
  const operations = starting.use(
    await serveOperations({
      hostname: config.CADUCEUS_HOST,
      port: config.CADUCEUS_OPERATIONS_PORT,
      registry: metrics.registry,
      checks: { nats: () => nats.isConnected || 'NATS is away' },
    }),
  )
  const server = starting.use(
    await serve({
      fetch: api.fetch,
      hostname: config.CADUCEUS_HOST,
      port: config.CADUCEUS_PORT,
    }),
  )
  log.info({ url: server.url, webhooks: webhooks.count }, 'ready')
  const running = starting.move()
  return {
    url: server.url,
    operationsUrl: operations.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** What decides about each event: its attempts, their schedule, and who is told of a backlog. */
function createDelivery({
  config,
  dispatcher,
  ...parts
}: {
  config: CaduceusConfig
  dispatcher: Dispatcher
} & Pick<DeliverOptions, 'jetStream' | 'tracer' | 'metrics' | 'log'>): Deliver {
  const attempt = createAttempts({ dispatcher, attemptMs: config.CADUCEUS_ATTEMPT_MS, ...parts })
  const watchBacklog = createBacklogWatch({
    attempt,
    backlogMax: config.CADUCEUS_BACKLOG_MAX,
    concurrency: config.CADUCEUS_CONCURRENCY,
    ...parts,
  })
  return createDeliver({
    attempt,
    watchBacklog,
    retryDelaysMs: config.CADUCEUS_RETRY_DELAYS_MS,
    ...parts,
  })
}

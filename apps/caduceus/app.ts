/** Caduceus, put together. Read upwards it is the order of its end. */
import { jetstream, jetstreamManager, type JetStreamClient } from '@nats-io/jetstream'
import type { Dispatcher } from 'undici'
import { watchKeys } from '#libs/auth/keys-watch.ts'
import { warnOfOpenRules } from '#libs/auth/token-rules.ts'
import { createVerifier } from '#libs/auth/verify.ts'
import { natsOf } from '#libs/config/common.ts'
import { connectionsOf } from '#libs/http/connections.ts'
import { serveOperations, type OperationsOptions } from '#libs/http/operations.ts'
import { serve } from '#libs/http/server.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createLogger, type Logger } from '#libs/log/logger.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { watchStreams } from '#libs/nats/stream/streams-watch.ts'
import { openTracer } from '#libs/trace/tracer.ts'
import { createAddressGuard } from './delivery/receiver/addresses.ts'
import { createApi } from './api.ts'
import { createAttempts } from './delivery/attempt.ts'
import type { CaduceusConfig } from './config.ts'
import { createDeliver, type Deliver, type DeliverOptions } from './delivery/deliver.ts'
import { createBooks, type Books } from './delivery/books.ts'
import { openFailedAttempts } from './delivery/failed-attempts.ts'
import { createDialer } from './delivery/receiver/dial.ts'
import { createResolver, type Resolver } from './delivery/receiver/resolver.ts'
import {
  createMetrics,
  SPARED_STREAMS,
  STREAMS,
  type CaduceusFaults,
  type Metrics,
  type WebhookFigures,
} from './metrics.ts'
import { createQuotas, type QuotaLimits } from './registration/quota.ts'
import { createRegister } from './registration/register.ts'
import { createBacklogWatch } from './delivery/failure-notice.ts'
import { followWebhooks } from './consumers/follow.ts'
import { createByteBudget, type ByteLimits } from './consumers/pull/byte-budget.ts'
import { inHandMsOf } from './consumers/pull/pull.ts'
import { openPullConnections } from './consumers/pull/pull-connections.ts'
import { createPeers, type Peers } from './consumers/loss/peers.ts'
import type { Taken } from './consumers/loss/taken.ts'
import { createPlaces } from './delivery/places.ts'
import { createDeadLetterCounts, type DeadLetterCounts } from './consumers/dead-letter-counts.ts'
import { createDeadLetters } from './delivery/dead-letter.ts'
import { answerTaken, askKnown, type Known } from './consumers/loss/ask-taken.ts'
import { createExpiredRetries } from './consumers/loss/expired-retries.ts'
import type { DurableLimits } from './consumers/durable/durable-config.ts'
import { startLooking, type LookOptions } from './consumers/look.ts'
import { createStandings, type Standings } from './consumers/standing.ts'
import { createLossWatch } from './consumers/loss/retention-loss.ts'
import { openWebhookState } from './webhook-state.ts'
import { openWebhooks } from './webhook.ts'
import { createWebhooks } from './consumers/webhooks.ts'

/** Starts Caduceus: resolves when the webhooks that are there are being delivered to. */
export async function start(
  config: CaduceusConfig,
  log = createLogger('caduceus', { level: config.LOG_LEVEL }),
): Promise<App> {
  await using starting = new AsyncDisposableStack()
  const books = createBooks()
  const standings = createStandings()
  const deadLetters = createDeadLetterCounts(log)
  const metrics = createMetrics(figuresOf(standings, books, deadLetters))
  const tracer = starting.use(await openTracer('caduceus', { config, metrics, log }))
  const faults = createFaults(metrics.faults, log)
  const common = { config, tracer, metrics, faults, log }
  const hostname = config.CADUCEUS_HOST
  const guard = createAddressGuard(config.CADUCEUS_ADDRESSES_ALLOWED)
  if (config.CADUCEUS_OPEN) log.warn('callers without a credential are let in: CADUCEUS_OPEN')

  const nats = starting.use(await connectNats({ ...natsOf(config), name: 'caduceus', log }))
  metrics.connections.watch('caduceus', nats)
  const watched = { names: STREAMS, spared: SPARED_STREAMS, gauge: metrics.streamMissing, log }
  const streams = starting.use(await watchStreams(nats, watched))
  const jetStream = jetstream(nats.connection)
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  const bucket = await openWebhooks(nats, { keys: config.CADUCEUS_SECRET_KEYS, log })
  const state = await openWebhookState(nats, log)
  const failedAttempts = starting.use(await openFailedAttempts({ bucket: state, books, log }))
  const resolver = starting.use(createResolver({ servers: config.CADUCEUS_DNS_SERVERS }))
  const dispatcher = starting.adopt(createDialer(guard, resolver), (dialer) => dialer.close())
  const limits = limitsOf(config)
  const parts = { failedAttempts, books, tracer, metrics, faults, log }
  const peers = createPeers()
  const lossWatch = createLossWatch({ nats, peers, manager, bucket: state, ...parts })
  const connections = starting.use(await openPullConnections(config, common))
  const settled = (withinMs: number): Promise<boolean> => connections.settled(withinMs)
  const takenOf = (id: string): Taken | undefined => lossWatch.takenOf(id)
  const isKnown = (id: string): boolean => webhooks.get(id) !== undefined
  starting.use(answerTaken(nats, { takenOf, isKnown, peers, settled, log }))
  starting.use(lookAround({ config, manager, lossWatch, standings, deadLetters, ...parts }))
  const places = createPlaces(config.CADUCEUS_CONCURRENCY, common)
  const bytes = createByteBudget(byteLimitsOf(config), (lent) => metrics.bytesLent.set(lent))
  const pulling = { connections, places, bytes, manager, limits, lossWatch }
  const deliver = createDelivery({ ...parts, config, places, dispatcher, resolver, jetStream })
  const webhooks = starting.use(createWebhooks({ ...pulling, deliver, metrics, faults, log }))

  const following = { webhooks, bucket, manager, askKnown: asker(nats, peers), ...common }
  starting.use(await followWebhooks(following))

  const webhooksMax = config.CADUCEUS_WEBHOOKS_MAX
  const keepsSecrets = config.CADUCEUS_SECRET_KEYS.length > 0
  const quotas = createQuotas(quotaLimitsOf(config), webhooks)
  const registering = { bucket, manager, webhooks, guard, resolver, limits, webhooksMax, quotas }
  const register = createRegister({ ...registering, keepsSecrets, metrics, log })
  const { verifier, keys, keysFault } = await openKeys(config, metrics, log)
  starting.use(keys)
  const api = createApi({ verifier, register, quotas, webhooks, bucket, jetStream, ...common })
  const checks: OperationsOptions['checks'] = {
    nats: () => nats.isConnected || 'NATS is away',
    stream: () => streams.fault ?? true,
    keys: () => keysFault() ?? true,
  }
  const operations = starting.use(await serveOperationsOf(config, metrics, checks))
  const where = { hostname, port: config.CADUCEUS_PORT }
  const taking = { ...where, connections: connectionsOf(config, metrics, log) }
  const server = starting.use(await serve({ fetch: api.fetch, ...taking }))
  log.info({ url: server.url, webhooks: webhooks.count }, 'ready')
  const running = starting.move()
  return {
    url: server.url,
    operationsUrl: operations.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const serveOperationsOf = (
  config: CaduceusConfig,
  { registry }: Metrics,
  checks: OperationsOptions['checks'],
): ReturnType<typeof serveOperations> =>
  serveOperations({
    hostname: config.CADUCEUS_OPERATIONS_HOST,
    port: config.CADUCEUS_OPERATIONS_PORT,
    registry,
    checks,
  })

/** What judges tokens, and whether it can where that matters. */
async function openKeys(config: CaduceusConfig, metrics: Metrics, log: Logger) {
  const { keysAvailable: gauge, tokens: counter } = metrics
  const jwksUrl = config.CADUCEUS_JWKS_URL
  const rules = {
    issuers: config.CADUCEUS_TOKEN_ISSUER,
    audiences: config.CADUCEUS_TOKEN_AUDIENCE,
    ageMaxMs: config.CADUCEUS_TOKEN_AGE_MAX_MS,
  }
  warnOfOpenRules('CADUCEUS', rules, log)
  const verifier = jwksUrl === '' ? undefined : createVerifier({ jwksUrl, rules, counter })
  const keys =
    verifier && !config.CADUCEUS_OPEN ? await watchKeys({ verifier, gauge, log }) : undefined
  // Callers with a password need no keys: they are served without.
  const isNeeded = config.CADUCEUS_BASIC_CREDENTIALS.length === 0
  return { verifier, keys, keysFault: () => (isNeeded ? keys?.fault : undefined) }
}

const limitsOf = (config: CaduceusConfig): DurableLimits => ({
  attemptMs: config.CADUCEUS_ATTEMPT_MS,
  unackedMax: config.CADUCEUS_UNACKED_MAX,
})

const byteLimitsOf = (config: CaduceusConfig): ByteLimits => ({
  totalMax: config.CADUCEUS_IN_HAND_BYTES_MAX,
  ownerMax: config.CADUCEUS_OWNER_IN_HAND_BYTES_MAX,
})

const quotaLimitsOf = (config: CaduceusConfig): QuotaLimits => ({
  webhooksMax: config.CADUCEUS_OWNER_WEBHOOKS_MAX,
  instructionsMax: config.CADUCEUS_OWNER_INSTRUCTIONS_MAX,
  changesPerMinute: config.CADUCEUS_OWNER_CHANGES_PER_MINUTE,
})

const figuresOf = (
  standings: Standings,
  books: Books,
  deadLetters: DeadLetterCounts,
): WebhookFigures => ({
  standings: () => standings.all(),
  countsOf: (webhookId) => books.countsOf(webhookId),
  deadLetterCountOf: (webhookId) => deadLetters.countOf(webhookId),
})

/** Asks all instances whether they know a webhook. */
const asker =
  (nats: Nats, peers: Peers) =>
  (webhookId: string): Promise<Known> =>
    askKnown(nats, webhookId, peers)

/** Looks how the webhooks stand, from before the first pull until after the last. */
function lookAround({
  config,
  ...parts
}: { config: CaduceusConfig; metrics: Metrics } & Omit<
  LookOptions,
  'expireRetries' | 'everyMs'
>): AsyncDisposable {
  const inHandMs = inHandMsOf(limitsOf(config))
  const expireRetries = createExpiredRetries({ inHandMs, ...parts })
  return startLooking({ expireRetries, everyMs: config.CADUCEUS_LOOK_MS, ...parts })
}

/** What decides about each event: its attempts, their schedule, and who is told of a backlog. */
function createDelivery({
  config,
  dispatcher,
  resolver,
  jetStream,
  ...parts
}: {
  config: CaduceusConfig
  dispatcher: Dispatcher
  resolver: Resolver
  jetStream: JetStreamClient
  faults: CaduceusFaults
} & Pick<
  DeliverOptions,
  'places' | 'failedAttempts' | 'books' | 'tracer' | 'metrics' | 'log'
>): Deliver {
  const attemptMs = config.CADUCEUS_ATTEMPT_MS
  const attempt = createAttempts({ dispatcher, resolver, attemptMs, ...parts })
  const watchBacklog = createBacklogWatch({
    attempt,
    backlogMax: config.CADUCEUS_BACKLOG_MAX,
    concurrency: config.CADUCEUS_CONCURRENCY,
    ...parts,
  })
  const ownerBytesMax = config.CADUCEUS_OWNER_DEAD_LETTER_BYTES_PER_DAY
  return createDeliver({
    keepDeadLetter: createDeadLetters({ jetStream, ownerBytesMax, ...parts }),
    attempt,
    watchBacklog,
    retryDelaysMs: config.CADUCEUS_RETRY_DELAYS_MS,
    ...parts,
  })
}

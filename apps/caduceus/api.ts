/** The primary server's routes, with what stands before each of them. */
import type { JetStreamClient } from '@nats-io/jetstream'
import { Hono } from 'hono'
import { createBasic, userOfCredential } from '#libs/auth/basic.ts'
import { createCallerAuthentication } from '#libs/auth/caller.ts'
import type { Verifier } from '#libs/auth/verify.ts'
import { errorResponse, notFound, onError } from '#libs/http/error.ts'
import { traced, type TracedEnv } from '#libs/http/traced.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Bucket } from '#libs/nats/bucket/bucket.ts'
import type { Tracer } from '#libs/trace/tracer.ts'
import { BodyTooLargeError } from './body.ts'
import { createCallers } from './callers.ts'
import type { CaduceusConfig } from './config.ts'
import { createOwns } from './owner.ts'
import { createHooksApi } from './registration/hooks-api.ts'
import type { Metrics } from './metrics.ts'
import { createNotifyApi } from './intake/notify-api.ts'
import type { Quotas } from './registration/quota.ts'
import type { Register } from './registration/register.ts'
import type { Webhook } from './webhook.ts'
import type { Webhooks } from './consumers/webhooks.ts'

/** What {@link createApi} needs. */
export interface ApiOptions {
  config: CaduceusConfig
  /** Absent where no token is taken. */
  verifier: Verifier | undefined
  register: Register
  quotas: Quotas
  webhooks: Webhooks
  bucket: Bucket<Webhook>
  jetStream: JetStreamClient
  tracer: Tracer | undefined
  metrics: Metrics
  log: Logger
}

/** The routes, closed to whoever has no credential unless the configuration opens them. */
export function createApi(options: ApiOptions): Hono<TracedEnv> {
  const { config, verifier, register, quotas, webhooks, bucket, jetStream, tracer, metrics, log } =
    options
  const authenticate = createCallerAuthentication({
    basic: createBasic(config.CADUCEUS_BASIC_CREDENTIALS),
    verifier,
    isOpen: config.CADUCEUS_OPEN,
  })
  const callers = createCallers(authenticate, config.CADUCEUS_CAPABILITY_PREFIX)
  // To read what devices say and to say something oneself are two things.
  const notifiers = createCallers(authenticate, config.CADUCEUS_NOTIFY_CAPABILITY_PREFIX)
  const bodyBytesMax = config.CADUCEUS_BODY_BYTES_MAX
  const owns = createOwns(new Set(config.CADUCEUS_BASIC_CREDENTIALS.map(userOfCredential)))
  const hooks = createHooksApi({
    callers,
    owns,
    quotas,
    administrators: new Set(config.CADUCEUS_ADMINISTRATORS),
    bodyBytesMax,
    register,
    webhooks,
    bucket,
    metrics,
    durationMsMax: config.CADUCEUS_REGISTRATION_MS_MAX,
    isHttpAllowed: config.CADUCEUS_HTTP_ALLOWED,
  })
  const api = new Hono<TracedEnv>()
  if (tracer) api.use(traced(tracer))
  return api
    .route('/', hooks)
    .route('/', createNotifyApi({ callers: notifiers, bodyBytesMax, jetStream, tracer, metrics }))
    .notFound(notFound)
    .onError((error, c) =>
      error instanceof BodyTooLargeError
        ? errorResponse(413, error.message)
        : onError(log)(error, c),
    )
}

/** Keeps the webhooks of this instance those of the bucket, and removes what has expired. */
import type { JetStreamManager } from '@nats-io/jetstream'
import type { CaduceusConfig } from '#apps/caduceus/config.ts'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Bucket } from '#libs/nats/bucket.ts'
import { sweepForEver } from './sweep.ts'
import type { Webhooks } from './webhooks.ts'

/** What {@link followWebhooks} needs. */
export interface FollowOptions {
  webhooks: Webhooks
  bucket: Bucket<Webhook>
  manager: JetStreamManager
  config: CaduceusConfig
  metrics: Metrics
  log: Logger
}

/** Follows until disposed; resolves when those that are there are known. */
export async function followWebhooks(options: FollowOptions): Promise<AsyncDisposable> {
  const { webhooks, bucket, config, ...others } = options
  const ending = new AbortController()
  const { signal } = ending
  const { promise: ready, resolve: onReady } = Promise.withResolvers<void>()
  const watching = bucket.watch({
    signal,
    onPut: (id, webhook, revision) => webhooks.apply(id, webhook, revision),
    onGone: (id) => webhooks.remove(id),
    onReady,
  })
  const sweeping = sweepForEver({
    ...others,
    webhooks,
    bucket,
    everyMs: config.CADUCEUS_SWEEP_MS,
    graceMs: config.CADUCEUS_EXPIRED_GRACE_MS,
    signal,
  })
  await ready
  return {
    async [Symbol.asyncDispose]() {
      ending.abort()
      await Promise.all([watching, sweeping])
    },
  }
}

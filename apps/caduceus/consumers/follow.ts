/**
 * Keeps the webhooks of this instance those of the bucket, removes what has expired, and puts back
 * what the bucket has lost.
 */
import type { JetStreamManager } from '@nats-io/jetstream'
import type { CaduceusConfig } from '#apps/caduceus/config.ts'
import type { CaduceusFaults, Metrics } from '#apps/caduceus/metrics.ts'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Bucket } from '#libs/nats/bucket/bucket.ts'
import type { Known } from './loss/ask-taken.ts'
import { sweepForEver } from './sweep.ts'
import type { Webhooks } from './webhooks.ts'
import { createWriteBack } from './write-back.ts'

/** What {@link followWebhooks} needs. */
export interface FollowOptions {
  webhooks: Webhooks
  bucket: Bucket<Webhook>
  manager: JetStreamManager
  /** Asks all instances for a webhook. @throws the client's errors. */
  askKnown: (webhookId: string) => Promise<Known>
  config: CaduceusConfig
  metrics: Metrics
  faults: CaduceusFaults
  log: Logger
}

/** Follows until disposed; resolves when those that are there are known. */
export async function followWebhooks(options: FollowOptions): Promise<AsyncDisposable> {
  const { webhooks, bucket, config, ...others } = options
  const ending = new AbortController()
  const { signal } = ending
  const { promise: ready, resolve: onReady } = Promise.withResolvers<void>()
  const { metrics, faults, log } = others
  const writeBack = createWriteBack({ webhooks, bucket, metrics, log, signal })
  const unreadable = new Set<string>()
  const count = (): void => metrics.webhooksUnreadable.set(unreadable.size)
  const watching = bucket.watch({
    signal,
    onPut(id, webhook, revision) {
      unreadable.delete(id)
      count()
      // What one throws must not end the watch of all.
      faults.try('registration', () => webhooks.apply(id, webhook, revision), { webhookId: id })
    },
    onGone(id, reason) {
      // Somebody deleted it, or it runs out: then it is gone. Lost data is no deletion.
      if (reason === 'missing' && webhooks.get(id)) return writeBack.take(id)
      if (reason === 'unreadable') unreadable.add(id)
      else unreadable.delete(id)
      count()
      faults.try('registration', () => webhooks.remove(id), { webhookId: id })
    },
    onReplaced: () => webhooks.forgetRevisions(),
    onReady,
  })
  const sweeping = sweepForEver({
    ...others,
    webhooks,
    bucket,
    everyMs: config.CADUCEUS_SWEEP_MS,
    graceMs: config.CADUCEUS_EXPIRED_GRACE_MS,
    orphanAgeMs: config.CADUCEUS_ORPHAN_AGE_MS,
    signal,
  })
  await ready
  return {
    async [Symbol.asyncDispose]() {
      ending.abort()
      await Promise.all([watching, sweeping, writeBack.settled()])
    },
  }
}

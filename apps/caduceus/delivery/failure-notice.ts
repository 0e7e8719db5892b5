/**
 * Tells the owner of a webhook that it falls behind, with upstream's notice to `failure_url`. The
 * difference to upstream: nothing is dropped for it, the events wait in the stream. caduceus.md §4.5.
 */
import type { CaduceusFaults, Metrics } from '#apps/caduceus/metrics.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { AttemptDelivery } from './attempt.ts'
import type { DeliveryTarget } from './target.ts'
import { signatureHeaders, signingKeysOf } from './signature.ts'

/** Who cannot keep up needs to be told once, not with each event that he is behind with. */
const NOTICE_EVERY_MS = 3_600_000

const TEXT =
  'The webhook does not keep up with its events. They wait for it, but the oldest will be lost ' +
  'when they are no longer kept. Please add capacity or ask for fewer events.'

/** Looks at how many events wait for a webhook; never waits for a notice and never throws. */
export type WatchBacklog = (target: DeliveryTarget, pendingCount: number) => void

/** What {@link createBacklogWatch} needs. */
export interface BacklogOptions {
  attempt: AttemptDelivery
  backlogMax: number
  concurrency: number
  metrics: Metrics
  faults: CaduceusFaults
  log: Logger
}

/** Each instance tells an owner once an hour at most. */
export function createBacklogWatch(options: BacklogOptions): WatchBacklog {
  const { attempt, backlogMax, metrics, faults, log } = options
  const toldAtMs = new WeakMap<DeliveryTarget, number>()
  return (target, pendingCount) => {
    if (pendingCount <= backlogMax) return
    const nowMs = Date.now()
    if (nowMs - (toldAtMs.get(target) ?? 0) < NOTICE_EVERY_MS) return
    toldAtMs.set(target, nowMs)
    metrics.cutOffs.inc({ reason: 'backlog' })
    log.warn({ webhookId: target.id, pendingCount }, 'webhook falls behind')
    const url = target.webhook.hook.failure_url
    if (url === '') return
    // One try, as upstream; an attempt never rejects.
    attempt(url, toNotice(target, nowMs, options), { owner: target.webhook.owner })
      .then(({ outcome }) => metrics.failureNotices.inc({ outcome }))
      .catch((error: unknown) => faults.tell('notice', error, { webhookId: target.id }))
  }
}

function toNotice(
  { webhook, id }: DeliveryTarget,
  nowMs: number,
  { backlogMax, concurrency }: BacklogOptions,
): { headers: string[]; body: Uint8Array } {
  const { hook, partnerIds, registeredAtMs, untilMs } = webhook
  const { secret, ...config } = hook.config
  const registration = {
    ...hook,
    config: { ...config, secret: 'XxxxxX' },
    duration: (untilMs - registeredAtMs) * 1_000_000,
    until: new Date(untilMs).toISOString(),
  }
  const body = new TextEncoder().encode(
    JSON.stringify({
      text: TEXT,
      webhook_registration: { PartnerIDs: partnerIds, Webhook: registration },
      cut_off_period: '0s',
      queue_size: backlogMax,
      worker_count: concurrency,
    }),
  )
  const timestampSeconds = Math.floor(nowMs / 1_000)
  const noticeId = `${id}-${timestampSeconds}`
  const signing = { id: noticeId, timestampSeconds, body }
  const timestamp = String(timestampSeconds)
  const headers = [
    'Content-Type',
    'application/json',
    'webhook-id',
    noticeId,
    'webhook-timestamp',
    timestamp,
    ...(secret ? signatureHeaders(signingKeysOf(secret), signing) : []),
  ]
  return { headers, body }
}

/** Events that a webhook does not get as its patterns would take too long on them: counted and told. */
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { Logger } from '#libs/log/logger.ts'

/** A device that sends such events sends many; one line a minute tells as much. */
const TELL_EVERY_MS = 60_000

/** Tells of one event that the webhook does not get. */
export function createOverruns({
  metrics,
  log,
}: {
  metrics: Metrics
  log: Logger
}): (webhookId: string) => void {
  let toldAtMs = Number.NEGATIVE_INFINITY
  let count = 0
  return (webhookId) => {
    metrics.dropped.inc({ reason: 'match-overrun' })
    count += 1
    const nowMs = performance.now()
    if (nowMs - toldAtMs < TELL_EVERY_MS) return
    log.warn({ webhookId, count }, 'events passed by: patterns would take too long on them')
    toldAtMs = nowMs
    count = 0
  }
}

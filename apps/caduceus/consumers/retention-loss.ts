/**
 * Counts what retention took before a webhook got it. Design §3.4. Two deliveries that follow each
 * other for the consumer but not in the stream have a gap between them, and nothing else makes one:
 * exact for one instance; of several, each sees only the gaps between its own deliveries.
 */
import type { DeliveryTarget } from '#apps/caduceus/delivery/target.ts'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import type { Logger } from '#libs/log/logger.ts'
import { filterSubjectOf } from './filter.ts'

/** A consumer's newest delivery, by its place among deliveries and in the stream. */
interface DeliveryPlace {
  consumerSequence: number
  streamSequence: number
}

/** Looks at deliveries in the order in which they come. */
export interface LossWatch {
  /** Where the consumer was before this instance joined. */
  begin(target: DeliveryTarget, place: DeliveryPlace): void
  observe(target: DeliveryTarget, place: DeliveryPlace): void
}

interface Seen extends DeliveryPlace {
  /** The subject that the consumer was limited to at that time. */
  filter: string | undefined
  /** The registration that the filter was taken from. */
  webhook: Webhook
}

/** Nothing seen yet. */
export function createLossWatch({ metrics, log }: { metrics: Metrics; log: Logger }): LossWatch {
  const seen = new WeakMap<DeliveryTarget, Seen>()
  return {
    begin(target, place) {
      const { webhook } = target
      seen.set(target, { ...place, webhook, filter: filterSubjectOf(webhook.hook.events) })
    },
    observe(target, { consumerSequence, streamSequence }) {
      const { id, webhook } = target
      const before = seen.get(target)
      const filter =
        before?.webhook === webhook ? before.filter : filterSubjectOf(webhook.hook.events)
      const streamBefore = before?.streamSequence ?? streamSequence
      // A redelivery is an older place in the stream: it only moves the consumer on.
      const newest = Math.max(streamBefore, streamSequence)
      seen.set(target, { consumerSequence, streamSequence: newest, webhook, filter })
      if (!before || consumerSequence !== before.consumerSequence + 1) return
      const lostCount = newest - streamBefore - 1
      // With a filter, what lies between is mostly what was never meant for the webhook.
      if (lostCount <= 0 || filter !== undefined || before.filter !== undefined) return
      metrics.dropped.inc({ reason: 'retention' }, lostCount)
      log.warn({ webhookId: id, lostCount }, 'events ran out before their delivery')
    },
  }
}

/**
 * How many deliveries to a webhook run at once. One that only fails gets fewer places, down to one
 * as a probe: what waits for it waits in the stream, and not in memory. With its first success it
 * has all of them back.
 */

import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { Logger } from '#libs/log/logger.ts'

/** The places of all webhooks. */
export interface Places {
  of(webhookId: string): number
  succeeded(webhookId: string): void
  failed(webhookId: string): void
  /** The webhook is gone. */
  end(webhookId: string): void
}

/** What {@link createPlaces} tells. */
export interface PlacesOptions {
  metrics: Metrics
  log: Logger
}

/** @param most the places of a webhook that does not only fail. */
export function createPlaces(most: number, { metrics, log }: PlacesOptions): Places {
  const failing = new Map<string, { places: number; failures: number }>()
  const show = (): void => {
    const count = [...failing.values()].filter(({ places }) => places < most).length
    metrics.webhooksFailing.set(count)
  }
  /** Says whether it had fewer places. */
  const forget = (webhookId: string): boolean => {
    const state = failing.get(webhookId)
    if (!state) return false
    failing.delete(webhookId)
    show()
    return state.places < most
  }
  return {
    of: (webhookId) => failing.get(webhookId)?.places ?? most,
    succeeded(webhookId) {
      if (!forget(webhookId)) return
      log.info({ webhookId }, 'webhook takes events again')
    },
    failed(webhookId) {
      const state = failing.get(webhookId) ?? { places: most, failures: 0 }
      failing.set(webhookId, state)
      state.failures += 1
      // As many failures in a row as it has places: whatever was sent to it at once has failed.
      if (state.failures < state.places) return
      if (state.places > 1) log.debug({ webhookId, places: state.places }, 'webhook only fails')
      state.places = Math.max(1, Math.floor(state.places / 2))
      state.failures = 0
      show()
    },
    end: (webhookId) => void forget(webhookId),
  }
}

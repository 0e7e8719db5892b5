/**
 * How many deliveries to a webhook run at once. One that only fails gets fewer places, down to one
 * as a probe: what waits for it waits in the stream, and not in memory. With its first success it
 * has all of them back. One whose receiver is quick gets more: it has them for a moment each.
 */

import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { Logger } from '#libs/log/logger.ts'

/** A receiver is quick that answers as many deliveries in a row as it has places within this time each. */
const QUICK_MS = 100

/** What a webhook of a quick receiver has, of its common places. */
const QUICK_FACTOR = 3

/** Places beyond the common ones, of all webhooks together: each may be a socket. */
const EXTRA_MAX = 512

/** After a failure a receiver is not taken for quick for so long: it may be one that refuses so many. */
const AFTER_FAILURE_MS = 60_000

/** The places of all webhooks. */
export interface Places {
  of(webhookId: string): number
  /** A delivery was taken, after so many milliseconds. */
  succeeded(webhookId: string, tookMs: number): void
  failed(webhookId: string): void
  /** The webhook is gone. */
  end(webhookId: string): void
}

/** What {@link createPlaces} tells. */
export interface PlacesOptions {
  metrics: Metrics
  log: Logger
}

/** @param most the places of a webhook that does not only fail; where it is 1 it stays that. */
export function createPlaces(most: number, { metrics, log }: PlacesOptions): Places {
  const quick = createQuick(most)
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
    of: (webhookId) => failing.get(webhookId)?.places ?? most + quick.extraOf(webhookId),
    succeeded(webhookId, tookMs) {
      quick.succeeded(webhookId, tookMs)
      if (!forget(webhookId)) return
      log.info({ webhookId }, 'webhook takes events again')
    },
    failed(webhookId) {
      quick.failed(webhookId)
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
    end(webhookId) {
      quick.end(webhookId)
      forget(webhookId)
    },
  }
}

/** The webhooks whose receivers are quick, and what they have beyond their common places. */
function createQuick(most: number): Pick<Places, 'succeeded' | 'failed' | 'end'> & {
  extraOf(webhookId: string): number
} {
  const extraMost = most === 1 ? 0 : (QUICK_FACTOR - 1) * most
  const quick = new Set<string>()
  /** Quick answers in a row, of those that are not quick yet. */
  const rows = new Map<string, number>()
  const failedAtMs = new Map<string, number>()
  const isHeldBack = (webhookId: string): boolean => {
    const atMs = failedAtMs.get(webhookId)
    if (atMs === undefined) return false
    if (performance.now() - atMs < AFTER_FAILURE_MS) return true
    failedAtMs.delete(webhookId)
    return false
  }
  const slow = (webhookId: string): void => {
    quick.delete(webhookId)
    rows.delete(webhookId)
  }
  return {
    extraOf: (webhookId) =>
      quick.has(webhookId) ? Math.min(extraMost, Math.floor(EXTRA_MAX / quick.size)) : 0,
    succeeded(webhookId, tookMs) {
      if (tookMs > QUICK_MS) return slow(webhookId)
      if (quick.has(webhookId) || isHeldBack(webhookId)) return
      const row = (rows.get(webhookId) ?? 0) + 1
      rows.set(webhookId, row)
      if (row < most) return
      rows.delete(webhookId)
      quick.add(webhookId)
    },
    failed(webhookId) {
      slow(webhookId)
      failedAtMs.set(webhookId, performance.now())
    },
    end(webhookId) {
      slow(webhookId)
      failedAtMs.delete(webhookId)
    },
  }
}

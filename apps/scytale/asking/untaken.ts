/**
 * Whether no Talaria took a command of which nothing is heard. A device that has just left its Talaria
 * has no subscription any more, and in a cluster the server there drops what other servers sent
 * meanwhile: nobody answers, and "no responders" is not said either. So everybody is asked for the
 * receipts of what is taken, behind the command and on its connection. NATS keeps that order, so who
 * answers without the receipt has not taken it. ADR 26.
 */
import { errors } from '@nats-io/transport-node'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { sendReceiptsHeaders } from '#libs/nats/command/reply.ts'
import { statSubject } from '#libs/nats/subjects.ts'
import type { DeviceId } from '#libs/wrp/locator.ts'
import type { ScytaleMetrics } from '#apps/scytale/metrics.ts'
import { TOGETHER_MS_MAX, type Look, type View } from './view.ts'

/** Whoever holds the device answers from memory, from another region too. */
const HOLDER_MS = 200

/** The question itself may be dropped like the command, just when the device leaves: asked again, it is not. */
const TRIES = 2

/** Proves it, where it can be proved. */
export interface Untaken {
  /**
   * Whether it is certain that nobody took what was sent to the device at `sentAt` (performance.now())
   * without a reply that has been read when this resolves. Within some 500 ms, never rejects.
   */
  prove(device: DeviceId, sentAt: number): Promise<boolean>
}

/** What {@link createUntaken} needs. */
export interface UntakenOptions {
  /** The connection on which commands are sent: its order counts. */
  nats: Nats
  view: View
  metrics: ScytaleMetrics
}

/** Asks on one connection. */
export function createUntaken({ nats, view, metrics }: UntakenOptions): Untaken {
  return {
    async prove(device, sentAt) {
      for (let tried = 0; tried < TRIES; tried += 1) {
        // Talarias of other regions answer no ping; who holds the device there hears its subject.
        const holder = hasHolderSpoken(nats, device)
        const look = await view.look({ receipts: true })
        if (!(await holder) || !look || !hasSeenAll(look, sentAt)) continue
        metrics.silences.inc({ outcome: 'untaken' })
        return true
      }
      metrics.silences.inc({ outcome: 'unknown' })
      return false
    },
  }
}

/** Whether the one who holds the device has sent its receipts, or nobody holds it. */
async function hasHolderSpoken(nats: Nats, device: DeviceId): Promise<boolean> {
  try {
    const headers = sendReceiptsHeaders()
    await nats.connection.request(statSubject(device), undefined, { timeout: HOLDER_MS, headers })
    return true
  } catch (error) {
    return error instanceof errors.RequestError && error.isNoResponders()
  }
}

/**
 * Whether all heard what was sent at `sentAt`, if it was sent to them, and no reply can be lost: none
 * has another connection since. Servers of a cluster that lost each other: as for two looks.
 */
function hasSeenAll({ settled, answeredAt }: Look, sentAt: number): boolean {
  const elapsedMs = answeredAt - sentAt
  if (elapsedMs > TOGETHER_MS_MAX) return false
  return [...settled.values()].every(({ ageMs = 0 }) => ageMs >= elapsedMs)
}

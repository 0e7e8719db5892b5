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
import { wait } from '#libs/retry/wait.ts'
import type { DeviceId } from '#libs/wrp/locator.ts'
import type { ScytaleMetrics } from '#apps/scytale/metrics.ts'
import type { Look, View } from './view.ts'

/** Whoever holds the device answers from memory, from another region too. */
const HOLDER_MS = 200

/**
 * How long after the command it is asked. The question may be dropped like the command, just when the
 * device leaves, and a loaded machine needs its time. Servers of a cluster that lost each other take a
 * second before they connect again: what is answered within less came over the link of the command.
 */
const ASKED_MS_MAX = 900

/** Between two tries. */
const AGAIN_MS = 20

/** Proves it, where it can be proved. */
export interface Untaken {
  /**
   * Whether it is certain that nobody took what was sent to the device at `sentAt` (performance.now())
   * without a reply that has been read when this resolves. Within some 1.2 s of it, never rejects.
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
      do {
        // Talarias of other regions answer no ping; who holds the device there hears its subject.
        const holder = hasHolderSpoken(nats, device)
        const look = await view.look({ receipts: true })
        if ((await holder) && look && hasSeenAll(look, sentAt)) {
          metrics.silences.inc({ outcome: 'untaken' })
          return true
        }
      } while (performance.now() - sentAt < ASKED_MS_MAX && (await wait(AGAIN_MS)))
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
 * has another connection since.
 */
function hasSeenAll({ settled, answeredAt }: Look, sentAt: number): boolean {
  const elapsedMs = answeredAt - sentAt
  if (elapsedMs > ASKED_MS_MAX) return false
  return [...settled.values()].every(({ ageMs = 0 }) => ageMs >= elapsedMs)
}

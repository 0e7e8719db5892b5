/**
 * Whether no Talaria took a command of which nothing is heard. A device that has just left its Talaria
 * has no subscription any more, and in a cluster the server there drops what other servers sent
 * meanwhile: nobody answers, and "no responders" is not said either. So everybody is asked for the
 * receipts of what is taken, behind the command and on its connection. NATS keeps that order, so who
 * answers without the receipt has not taken it. ADR 26.
 *
 * Talarias of another region hear no ping, and who answers for a device there need not be who had it
 * when the command came. So where regions are joined only one who held it well before proves anything.
 */
import { errors } from '@nats-io/transport-node'
import { mayBeJoined, type Nats } from '#libs/nats/connection/connect.ts'
import { readHeldMs, sendReceiptsHeaders } from '#libs/nats/command/reply.ts'
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

/**
 * So long before the command the session that answers must have begun, where regions are joined: by
 * then its announcement has ended any older session of the device, in whichever region.
 */
const HELD_BEFORE_MS = 1_000

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
        const asking = askHolder(nats, device)
        const look = await view.look({ receipts: true })
        const heldSince = await asking
        // Who has it by now will not have had it earlier, however often it is asked.
        if (heldSince !== undefined && !isOnlyOne(nats, heldSince, sentAt)) break
        if (heldSince !== undefined && look && hasSeenAll(look, sentAt)) {
          metrics.silences.inc({ outcome: 'untaken' })
          return true
        }
      } while (performance.now() - sentAt < ASKED_MS_MAX && (await wait(AGAIN_MS)))
      metrics.silences.inc({ outcome: 'unknown' })
      return false
    },
  }
}

/**
 * Lets the one who holds the device send its receipts. Resolves with the moment since which it has held
 * the device at the latest (performance.now()), Infinity when nobody does; undefined without an answer.
 */
async function askHolder(nats: Nats, device: DeviceId): Promise<number | undefined> {
  try {
    const headers = sendReceiptsHeaders()
    const options = { timeout: HOLDER_MS, headers }
    const reply = await nats.connection.request(statSubject(device), undefined, options)
    return performance.now() - (readHeldMs(reply) ?? -Infinity)
  } catch (error) {
    const isNobody = error instanceof errors.RequestError && error.isNoResponders()
    return isNobody ? Infinity : undefined
  }
}

/**
 * Whether nobody but who answered for the device, and the Talarias of this region, can have taken what
 * was sent at `sentAt`. That nobody answers for it says nothing of another region: the receipt of
 * one who had it may be on its way still, or the regions have lost each other.
 */
const isOnlyOne = (nats: Nats, heldSince: number, sentAt: number): boolean =>
  !mayBeJoined(nats) || heldSince + HELD_BEFORE_MS <= sentAt

/**
 * Whether all heard what was sent at `sentAt`, if it was sent to them, and no reply can be lost: none
 * has another connection since.
 */
function hasSeenAll({ settled, answeredAt }: Look, sentAt: number): boolean {
  const elapsedMs = answeredAt - sentAt
  if (elapsedMs > ASKED_MS_MAX) return false
  return [...settled.values()].every(({ ageMs = 0 }) => ageMs >= elapsedMs)
}

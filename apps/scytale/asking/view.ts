/**
 * Whether NATS sees every device that is connected: a Talaria whose connection to NATS was lost holds
 * its devices still, and for a moment nobody finds them. All Talarias are asked; requests that need to
 * know at the same time share one ping. Which looks make a 404 definite: ADR 19.
 */
import type { Nats } from '#libs/nats/connection/connect.ts'
import { PING_FOR_RECEIPTS } from '#libs/nats/command/talaria-ping.ts'
import { TALARIAS_PING } from '#libs/nats/subjects.ts'
import { beginRound, type PingRound, type Settled } from './ping-round.ts'
import type { ScytaleFaults, ScytaleMetrics } from '#apps/scytale/metrics.ts'

/** A Talaria answers in a millisecond; one that needs longer than this is asked again. */
const LOOK_MS = 250

/**
 * Two pings at once, for a look before and one behind, and then no more than two in this time: a flood
 * of requests for absent devices must not be a flood of pings for every Talaria.
 */
const TWO_PINGS_MS_MIN = 2

/** And this for each Talaria: each answers, and one Scytale reads all the answers. */
const TWO_PINGS_MS_EACH = 0.2

/**
 * How far apart two looks may be that say one thing together. Servers of a cluster that lost each
 * other take a second before they connect again, so within half of one they cannot have lost each
 * other and be joined again unnoticed.
 */
const TOGETHER_MS_MAX = 500

/** What one look saw. */
export interface Look {
  /** Of all Talarias. */
  readonly settled: Settled
  /** Our own connection's: how often it came and went. */
  readonly changes: number
  readonly askedAt: number
  readonly answeredAt: number
}

/** Looks at all Talarias. */
export interface View extends Disposable {
  /**
   * Asks all Talarias, not before this is called; undefined when the view is not settled. Resolves
   * within some 300 ms, never rejects. `receipts`: each sends first those of the commands that it
   * has taken.
   */
  look(wanted?: { receipts: boolean }): Promise<Look | undefined>
}

/** What {@link createView} needs. */
export interface ViewOptions {
  nats: Nats
  /** The ids of the Talarias that hold a lease. */
  talarias: () => Iterable<string>
  metrics: ScytaleMetrics
  faults: ScytaleFaults
}

/** A view over the connection on which commands are sent: its order counts. */
export function createView({ nats, talarias, metrics, faults }: ViewOptions): View {
  const inbox = nats.createInbox()
  const rounds = new Map<string, PingRound>()
  let counter = 0
  let changes = 0
  let next: Promise<Look | undefined> | undefined
  let areReceiptsWanted = false
  /** How many answered last. */
  let talariaCount = 0
  /** When the last two pings were sent. */
  let sentAt: [number, number] = [-Infinity, -Infinity]

  const failAll = (): void => {
    for (const round of rounds.values()) round.fail()
  }
  const unlisten = nats.onConnectedChange(() => {
    changes += 1
    failAll()
  })
  const subscription = nats.connection.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error) return
      const round = rounds.get(message.subject.slice(inbox.length + 1))
      if (!faults.try('ping', () => round?.onReply(message))) round?.fail()
    },
  })
  const ping = (): Promise<Look | undefined> => {
    const token = (counter++).toString(36)
    const askedAt = performance.now()
    sentAt = [sentAt[1], askedAt]
    return new Promise((resolve) => {
      const onEnd = (settled: Settled | undefined): void => {
        rounds.delete(token)
        talariaCount = settled?.size ?? talariaCount
        metrics.looks.inc({ outcome: settled ? 'settled' : 'unsettled' })
        resolve(settled && { settled, changes, askedAt, answeredAt: performance.now() })
      }
      const round = beginRound({ expected: talarias, waitMs: LOOK_MS, onEnd })
      rounds.set(token, round)
      try {
        const payload = areReceiptsWanted ? PING_FOR_RECEIPTS : undefined
        areReceiptsWanted = false
        nats.connection.publish(TALARIAS_PING, payload, { reply: `${inbox}.${token}` })
      } catch {
        // Closed or draining.
        round.fail()
      }
    })
  }
  const sendNext = (): Promise<Look | undefined> =>
    new Promise((resolve) => {
      const send = (): void => {
        next = undefined
        resolve(nats.isConnected ? ping() : undefined)
      }
      const apartMs = Math.max(TWO_PINGS_MS_MIN, TWO_PINGS_MS_EACH * talariaCount)
      const waitMs = sentAt[0] + apartMs - performance.now()
      // Not at once: those whose answers came in one read share it.
      if (waitMs > 0) setTimeout(send, waitMs)
      else setImmediate(send)
    })
  return {
    look({ receipts } = { receipts: false }) {
      areReceiptsWanted ||= receipts
      return (next ??= sendNext())
    },
    [Symbol.dispose]() {
      unlisten()
      failAll()
      subscription.unsubscribe()
    },
  }
}

/**
 * Whether nothing was unsettled from `before` to `behind`: the same Talarias on the same connections,
 * seen over one connection of our own.
 */
export function isUnchanged(before: Look, behind: Look): boolean {
  if (before.changes !== behind.changes) return false
  if (behind.answeredAt - before.askedAt > TOGETHER_MS_MAX) return false
  return [...behind.settled].every(([id, { since }]) => before.settled.get(id)?.since === since)
}

/** One ping to all Talarias at once, and when its answers say that the view is settled. */
import type { Msg } from '@nats-io/transport-node'
import { startPatientTimer } from '#libs/nats/connection/patient-timer.ts'
import { readTalariaPing, type TalariaPing } from '#libs/nats/command/talaria-ping.ts'

/** By id, since when each Talaria has had all its subscriptions in place, and for how long where it said so. */
export type Settled = ReadonlyMap<string, Standing>

/** Where a Talaria's subscriptions stand. */
type Standing = Pick<TalariaPing, 'since' | 'ageMs'>

/** A ping whose answers come in. */
export interface PingRound {
  onReply(message: Msg): void
  /** It cannot be answered any more. */
  fail(): void
}

/** What {@link beginRound} needs. */
export interface PingRoundOptions {
  /** The ids of those who must answer, as they are known at the moment of asking. */
  expected: () => Iterable<string>
  waitMs: number
  /** Called once; undefined when somebody did not answer in time, or has not all in place. */
  onEnd: (settled: Settled | undefined) => void
}

/** Begins to count answers. */
export function beginRound({ expected, waitMs, onEnd }: PingRoundOptions): PingRound {
  const settled = new Map<string, Standing>()
  let isOver = false
  const end = (found: Settled | undefined): void => {
    if (isOver) return
    isOver = true
    timer[Symbol.dispose]()
    onEnd(found)
  }
  const timer = startPatientTimer(waitMs, () => end(undefined))
  return {
    onReply(message) {
      const answer = readTalariaPing(message)
      // NATS says "no responders" when no Talaria is subscribed: then no answer will come.
      if (!answer?.subscribed) return end(undefined)
      settled.set(answer.id, answer)
      const ids = [...expected()]
      if (ids.length > 0 && ids.every((id) => settled.has(id))) end(settled)
    },
    fail: () => end(undefined),
  }
}

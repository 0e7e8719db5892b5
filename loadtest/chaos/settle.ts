/** The bounded time after the last fault in which all that is owed must come. */
import { wait } from '#libs/retry/wait.ts'
import { MSG_TYPE } from '#libs/wrp/message.ts'
import { needsAcknowledgement } from '#libs/wrp/qos.ts'
import { nowMs } from './clock.ts'
import type { NatsServers } from './fabric/nats.ts'
import type { EventRecord, Records } from './load/records.ts'
import type { Webhooks } from './load/webhooks.ts'
import { missingDeliveries } from './promises/events.ts'
import { readSessions, untold, type Session } from './promises/presence.ts'

const SETTLE_MS = 120_000

/** Of which acknowledgements may take so much: a Talaria tries for 15 s, and the device again. */
const ACKNOWLEDGE_MS = 40_000

/** A lease is 15 s, and a frozen session is noticed after 30 s. */
const PRESENCE_MS = 60_000

const POLL_MS = 250
const PRESENCE_POLL_MS = 2_000
const TELL_MS = 5_000

/** What {@link settleDeliveries} needs. */
export interface SettleOptions {
  records: Records
  webhooks: Webhooks
  /** Events that need not come do not hold it up. */
  isOwed: (event: EventRecord) => boolean
  signal: AbortSignal
  tell: (line: string) => void
}

/** Waits until every acknowledged event is at every webhook, or the time is over. */
export async function settleDeliveries(options: SettleOptions): Promise<void> {
  const { records, webhooks, isOwed, signal, tell } = options
  const startedAt = performance.now()
  let toldAt = startedAt
  for (;;) {
    webhooks.read()
    const all = missingDeliveries({ records, webhooks: webhooks.all })
    const missing = all.filter(({ event }) => isOwed(event)).length
    const tookMs = performance.now() - startedAt
    const isAwaiting = tookMs < ACKNOWLEDGE_MS && isAnyAwaited(records)
    if ((missing === 0 && !isAwaiting) || tookMs > SETTLE_MS) {
      records.settledAtMs = nowMs()
      tell(`settled for ${(tookMs / 1_000).toFixed(1)} s, ${missing} deliveries are missing`)
      return
    }
    if (performance.now() - toldAt > TELL_MS) {
      toldAt = performance.now()
      tell(`settling: ${missing} deliveries are missing`)
    }
    if (!(await wait(POLL_MS, signal))) return
  }
}

const isAnyAwaited = ({ events }: Records): boolean =>
  [...events.values()].some(
    ({ qos, acknowledgedAtMs }) =>
      needsAcknowledgement({ msg_type: MSG_TYPE.event, qos }) && acknowledgedAtMs === undefined,
  )

/** Waits until each session is told once each way, or the time is over. */
export async function settlePresence({
  nats,
  records,
  signal,
  tell,
}: {
  nats: NatsServers
  records: Records
  signal: AbortSignal
  tell: (line: string) => void
}): Promise<Map<string, Session>> {
  const until = performance.now() + PRESENCE_MS
  for (;;) {
    const sessions = await readSessions(nats)
    const left = untold(sessions, records.connections).length
    tell(`presence: ${left} of ${sessions.size} sessions are not told once each way`)
    if (left === 0 || performance.now() > until) return sessions
    if (!(await wait(PRESENCE_POLL_MS, signal))) return sessions
  }
}

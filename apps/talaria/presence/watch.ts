/** Tells the sessions of other Talarias that went without a goodbye, for as long as this one lives. */
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Bucket } from '#libs/nats/bucket/bucket.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { watchLeases, type Leases } from '#libs/nats/bucket/lease.ts'
import type { SessionStore } from '#libs/nats/bucket/sessions.ts'
import { talariaSubject } from '#libs/nats/subjects.ts'
import type { TalariaEntry } from '#libs/nats/bucket/talarias.ts'
import { wait } from '#libs/retry/wait.ts'
import { createAbsences } from './absent.ts'
import { tellAll } from './tell-all.ts'
import type { Telling } from './telling.ts'

/** How often to look while all are there: for those that were gone before anybody lived. */
const LOOK_MS = 60_000

/** Looks are spread by so much, so that those of many Talarias do not come as one. */
const LOOK_JITTER = 0.1

/** How often in one lease to look while somebody is absent. */
const LOOKS_PER_LEASE = 5

/** A Talaria that lives answers in milliseconds. */
const PING_MS = 2_000

/** How long an answer to "is it still gone" is good. */
const GONE_MS = 2_000

/** What {@link watchAbsent} needs. */
export interface WatchAbsentOptions {
  nats: Nats
  talarias: Bucket<TalariaEntry>
  sessions: SessionStore
  telling: Telling
  talariaId: string
  leaseMs: number
  /** The bucket does not know this Talaria any more: it was emptied, or made anew. */
  onForgotten: () => void
  metrics: TalariaMetrics
  log: Logger
}

/** Watches until disposed. */
export async function watchAbsent(options: WatchAbsentOptions): Promise<AsyncDisposable> {
  const { nats, talarias, talariaId, leaseMs, log } = options
  const absences = createAbsences({ talariaId, leaseMs })
  const ending = new AbortController()
  let { promise: isWoken, resolve: wake } = Promise.withResolvers<void>()
  const onRanOut = (id: string): void => {
    absences.ranOut(id)
    wake()
  }
  const leases = await watchLeases(talarias, { ttlMs: leaseMs, log, nats, onRanOut })
  leases.onChange(() => wake())
  const unlisten = nats.onConnectedChange((isConnected) => {
    if (!isConnected) absences.forget()
    wake()
  })
  const running = (async () => {
    while (!ending.signal.aborted) {
      ;({ promise: isWoken, resolve: wake } = Promise.withResolvers<void>())
      const isAnyAbsent = await look(absences, leases, { ...options, signal: ending.signal })
      const everyMs = isAnyAbsent ? leaseMs / LOOKS_PER_LEASE : LOOK_MS
      const waiting = new AbortController()
      const jitter = 1 + LOOK_JITTER * (2 * Math.random() - 1)
      const waited = wait(everyMs * jitter, AbortSignal.any([ending.signal, waiting.signal]))
      await Promise.race([waited, isWoken])
      waiting.abort()
    }
  })()
  return {
    async [Symbol.asyncDispose]() {
      ending.abort()
      wake()
      unlisten()
      await leases[Symbol.asyncDispose]()
      await running
    },
  }
}

type Looking = WatchAbsentOptions & { signal: AbortSignal }

/** Looks once, and tells what is to be told; whether to look again soon. Never rejects. */
async function look(
  absences: ReturnType<typeof createAbsences>,
  leases: Leases<TalariaEntry>,
  options: Looking,
): Promise<boolean> {
  const { nats, sessions, talariaId, signal, log } = options
  if (!nats.isConnected || leases.isStale) return false
  try {
    const holders = await sessions.holders()
    if (!holders.has(talariaId)) options.onForgotten()
    const { due, waiting } = absences.due(holders.keys(), leases.current(), performance.now())
    let isAnyLeft = waiting > 0
    for (const id of due) {
      if (signal.aborted) return false
      const isDone = await tellFor(id, holders.get(id) ?? 0, { ...options, leases })
      isAnyLeft ||= !isDone
    }
    return isAnyLeft
  } catch (error) {
    if (!signal.aborted)
      log.warn({ error: String(error) }, 'sessions of absent Talarias not told yet')
    return true
  }
}

/** Tells what a Talaria left; true once nothing is left and it is taken off the list. */
async function tellFor(
  id: string,
  revision: number,
  options: Looking & { leases: Leases<TalariaEntry> },
): Promise<boolean> {
  const { sessions, log } = options
  const begunAt = performance.now()
  const isRight = whileGone(id, options)
  if (!(await isRight())) return false
  let count = 0
  let found = 0
  for await (const page of sessions.entriesOf(id)) {
    found += page.length
    count += await tellAll(page, { ...options, talariaId: id, reason: 'talaria-gone', isRight })
    if (!(await isRight())) break
  }
  const tookMs = Math.round(performance.now() - begunAt)
  if (found > 0)
    log.warn({ talaria: id, count, tookMs }, 'told the sessions of a Talaria that is gone')
  // Not when something was there: a replica that lags may have shown less than there is.
  if (found > 0 || !(await isRight())) return false
  return sessions.withdraw(id, revision)
}

/** Whether the Talaria has still no lease and answers no ping; asked anew every two seconds. */
function whileGone(
  id: string,
  { nats, leases, signal, log }: Looking & { leases: Leases<TalariaEntry> },
): () => boolean | Promise<boolean> {
  let isGone = false
  let askedAt = Number.NEGATIVE_INFINITY
  let asking: Promise<boolean> | undefined
  const ask = async (): Promise<boolean> => {
    try {
      await nats.connection.request(talariaSubject(id, 'ping'), '', { timeout: PING_MS })
      log.debug({ talaria: id }, 'without a lease, but it answers')
      isGone = false
    } catch {
      // No responder, or one that stands still. Without NATS nobody can be judged.
      isGone = nats.isConnected
    }
    askedAt = performance.now()
    asking = undefined
    return isGone
  }
  return () => {
    if (signal.aborted || !nats.isConnected || leases.current().has(id)) return false
    if (performance.now() - askedAt < GONE_MS) return isGone
    return (asking ??= ask())
  }
}

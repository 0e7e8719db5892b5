/**
 * The presence of the devices that this Talaria holds. A session's entry is stored before its
 * online event, and taken away after its offline event: whenever this process is killed, the entry
 * is there for somebody else to tell what is missing. What fails is done again until it is done.
 */
import type { TalariaFaults, TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { CloseReason } from '#apps/talaria/reasons.ts'
import type { Device } from '#apps/talaria/session/connection/device.ts'
import type { Link } from '#apps/talaria/uplink/link.ts'
import type { Store } from '#apps/talaria/uplink/store.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import type { OutgoingEvent } from '#libs/nats/event.ts'
import { isSequenceWrong } from '#libs/nats/stream/sequence.ts'
import type { SessionStore } from '#libs/nats/bucket/sessions.ts'
import type { DeviceId } from '#libs/wrp/locator.ts'
import { putEntry } from './entry.ts'
import { offlineEvent, onlineEvent, toldSession, type ToldSession } from './events.ts'
import { Queue, type Job } from './queue.ts'
import type { Telling } from './telling.ts'

/**
 * For so long after the first attempt at its entry an online event can be published without a look
 * at what is there: JetStream knows an event again for two minutes, whoever tells it.
 */
const KNOWN_AGAIN_MS = 110_000

/**
 * An online event older than this may have left the stream, by its age or for want of room. Then,
 * and when the device went to another Talaria, a look goes before the offline event: one that the
 * stream refuses is seen by who listens in on the subject all the same.
 */
const ONLINE_KEPT_MS = 3_600_000

/** How many ended sessions wait in memory, at some 2 KiB each, before they are left to their entries. */
const ENDED_MAX = 50_000

/** The presence of the devices here. */
export interface OwnSessions {
  begin(device: Device): void
  end(device: Device, reason: CloseReason, error: Error | undefined): void
  /** Stores the entry of a device whose entry is gone although its session goes on. */
  renewEntry(device: Device): void
  /** Whether something of the device's sessions here is not stored yet. */
  isUnsettled(device: DeviceId): boolean
  /** Resolves with true when everything is told, with false after `waitMs` or without NATS. */
  settle(waitMs: number): Promise<boolean>
}

/** What {@link createOwnSessions} needs. */
export interface OwnSessionsOptions {
  nats: Nats
  link: Link
  store: Store
  sessions: SessionStore
  telling: Telling
  talariaId: string
  /** Of the events: a locator. */
  source: string
  /** Sessions were left to their entries, which must be looked through once there is time. */
  onLeft: () => void
  metrics: TalariaMetrics
  faults: TalariaFaults
  log: Logger
}

/** One session of which something is to be stored. */
interface Work extends Job {
  readonly told: ToldSession
  /** While it goes on. */
  device: Device | undefined
  revision: number
  onlineSequence: number
  isOnlineTold: boolean
  /** Something else than its online event may be the last on the subject. */
  isLookedFor: boolean
  /** When its entry was first tried. */
  triedAt: number | undefined
  /** Once it is over. */
  offline: OutgoingEvent | undefined
}

/** None yet. */
export function createOwnSessions(options: OwnSessionsOptions): OwnSessions {
  const { nats, source, metrics, faults, log, onLeft } = options
  /** Those whose beginning is not settled. */
  const beginning = new Map<Device, Work>()
  let endedCount = 0
  let isAnyLeft = false
  const queue = new Queue({
    nats,
    onLength: (length) => metrics.sessionsUnsettled.set(length),
    onFailed(error) {
      metrics.sessionFailures.inc()
      faults.try('presence', () => log.debug({ error: String(error) }, 'presence not stored'))
    },
  })
  const run = async (work: Work): Promise<void> => {
    await advance(work, options)
    const { device } = work
    if (device) {
      device.entryRevision = work.revision
      device.onlineSequence = work.onlineSequence
      beginning.delete(device)
    } else endedCount -= 1
  }
  const enqueue = (work: Omit<Work, 'run' | 'key'>): Work => {
    const job: Work = { ...work, key: work.told.device, run: () => run(job) }
    if (job.device) beginning.set(job.device, job)
    queue.add(job)
    return job
  }
  const leave = (work: Work | undefined): void => {
    metrics.sessionsLeft.inc({ reason: work ? 'untold' : 'from-entry' })
    if (work) return
    isAnyLeft = true
    onLeft()
  }
  return {
    begin(device) {
      // Until its entry is stored, a kill would leave nothing that tells of the session: so nothing of
      // it is taken, and the device has no acknowledgement of a session that nobody knows.
      device.setPaused('entry', true)
      enqueue({ ...NOTHING_TOLD, told: toldSession(device), device })
    },
    end(device, reason, error) {
      const work = beginning.get(device)
      beginning.delete(device)
      if (endedCount >= ENDED_MAX && (!work || queue.withdraw(work))) return leave(work)
      endedCount += 1
      const told = work?.told ?? toldSession(device)
      const { ageMs: upMs, statistics } = device
      const offline = offlineEvent(told, source, { reason, error, upMs, statistics })
      const isLookedFor = reason === 'duplicate' || upMs > ONLINE_KEPT_MS
      if (work) return void Object.assign(work, { device: undefined, offline, isLookedFor })
      const { entryRevision: revision, onlineSequence } = device
      const known = { revision, onlineSequence, isOnlineTold: true, isLookedFor }
      enqueue({ ...NOTHING_TOLD, ...known, told, offline })
    },
    renewEntry(device) {
      const { onlineSequence } = device
      const told = toldSession(device)
      enqueue({ ...NOTHING_TOLD, told, onlineSequence, isOnlineTold: true, device })
    },
    isUnsettled: (device) => queue.has(device),
    async settle(waitMs) {
      await queue.settle(waitMs)
      return queue.length === 0 && !isAnyLeft
    },
  }
}

const NOTHING_TOLD = {
  device: undefined,
  revision: 0,
  onlineSequence: 0,
  isOnlineTold: false,
  isLookedFor: false,
  triedAt: undefined,
  offline: undefined,
} as const

/** Does what is left to do; may be called again after any failure. */
async function advance(work: Work, options: OwnSessionsOptions): Promise<void> {
  const { link, sessions, talariaId } = options
  const { told } = work
  work.triedAt ??= performance.now()
  if (work.revision === 0) work.revision = await putEntry(told, options)
  work.device?.setPaused('entry', false)
  if (!work.isOnlineTold) await tellOnline(work, options)
  if (!work.offline) return
  await tellOffline(work, work.offline, options)
  await link.whileUp(sessions.purge(talariaId, told.device, work.revision))
}

async function tellOnline(work: Work, options: OwnSessionsOptions): Promise<void> {
  const { told, triedAt = 0 } = work
  if (performance.now() - triedAt < KNOWN_AGAIN_MS) {
    work.onlineSequence = await options.store.attempt(onlineEvent(told, options.source))
  } else {
    const { onlineSequence, wasOver } = await tellSlowly(work, undefined, options)
    work.onlineSequence = onlineSequence
    // Another took this Talaria for gone before the device was told online.
    if (wasOver) work.device?.end('told-offline')
  }
  work.isOnlineTold = true
}

async function tellOffline(
  work: Work,
  offline: OutgoingEvent,
  options: OwnSessionsOptions,
): Promise<void> {
  if (work.onlineSequence > 0 && !work.isLookedFor) {
    try {
      await options.store.attempt(offline, work.onlineSequence)
      return
    } catch (error) {
      if (!isSequenceWrong(error)) throw error
      work.isLookedFor = true
    }
  }
  await tellSlowly(work, offline, options)
}

/** With a look at what was told already. */
async function tellSlowly(
  { told, onlineSequence, isOnlineTold }: Work,
  offline: OutgoingEvent | undefined,
  { sessions, telling, talariaId }: OwnSessionsOptions,
): Promise<{ onlineSequence: number; wasOver: boolean }> {
  if (onlineSequence > 0) {
    const from = { sequence: onlineSequence }
    return telling.tell(told, { from, storedAt: undefined, offline })
  }
  const { session } = await sessions.look(talariaId, told.device)
  // An entry that is gone was taken away by whoever told both events.
  const isThere = session?.session === told.session
  const time = isThere ? session.storedAt : new Date(told.since)
  const from = { time: new Date(time.getTime() - SKEW_MS) }
  return telling.tell(told, {
    from,
    storedAt: isOnlineTold || !isThere ? undefined : time,
    offline,
  })
}

/** The clocks of this host and of the nats-servers may differ by this much. */
const SKEW_MS = 600_000

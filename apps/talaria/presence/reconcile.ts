/**
 * The entries under this Talaria's id against the devices that it holds: what a former self left is
 * told offline; a device whose session another told offline meanwhile gets a new session. ADR 20.
 */
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { Device } from '#apps/talaria/session/connection/device.ts'
import { eachPaced, type Devices } from '#apps/talaria/session/devices.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { SessionStore, StoredSession } from '#libs/nats/bucket/sessions.ts'
import { toldSession } from './events.ts'
import type { OwnSessions } from './own-sessions.ts'
import { tellAll } from './tell-all.ts'
import type { Telling } from './telling.ts'

/** How fast devices are closed: they all come back at once. */
const CLOSED_PER_SECOND = 1_000

/** Of how many devices without an entry the events are read at once. */
const LOOKED_AT_ONCE = 64

/** What {@link reconcile} needs. */
export interface ReconcileOptions {
  talariaId: string
  sessions: SessionStore
  telling: Telling
  own: OwnSessions
  devices: Devices
  signal: AbortSignal
  metrics: TalariaMetrics
  log: Logger
}

/** Compares once. @throws the client's errors: then it has to be done again. */
export async function reconcile(options: ReconcileOptions): Promise<void> {
  const { talariaId, sessions, devices, signal, log } = options
  const begunAt = performance.now()
  // Those that begin from now on are no concern of this one.
  const missing = new Map<string, Device>()
  for (const device of devices.all()) {
    if (device.entryRevision > 0) missing.set(device.sessionId, device)
  }
  let count = 0
  for await (const page of sessions.entriesOf(talariaId)) {
    for (const { session } of page) missing.delete(session)
    const leftovers = page.filter((entry) => isLeftover(entry, options))
    const parts = {
      ...options,
      reason: 'talaria-restarted',
      isRight: () => !signal.aborted,
    } as const
    count += await tellAll(leftovers, parts)
    if (signal.aborted) return
  }
  const closed = await closeTold([...missing.values()], options)
  const tookMs = Math.round(performance.now() - begunAt)
  if (count > 0) log.info({ count, tookMs }, 'told offline what a former self had left')
  if (closed > 0) log.warn({ count: closed }, 'another told devices offline: they are closed')
}

/** Of a session that nobody here knows. */
const isLeftover = (
  { device, session }: StoredSession,
  { devices, own }: ReconcileOptions,
): boolean => devices.get(device)?.sessionId !== session && !own.isUnsettled(device)

/** Closes the devices whose session was told offline and resolves with how many. */
async function closeTold(missing: readonly Device[], options: ReconcileOptions): Promise<number> {
  const { telling, own, signal } = options
  const told: Device[] = []
  const look = async (device: Device): Promise<void> => {
    // It ended, or is settled anew already.
    if (signal.aborted || !device.isOpen || own.isUnsettled(device.id)) return
    const from = { sequence: device.onlineSequence }
    const what = { from, storedAt: undefined, offline: undefined }
    const { wasOver } = await telling.tell(toldSession(device), what)
    if (wasOver) told.push(device)
    // The bucket lost it, and nobody told anything.
    else if (device.isOpen) own.renewEntry(device)
  }
  for (let index = 0; index < missing.length; index += LOOKED_AT_ONCE) {
    await Promise.all(missing.slice(index, index + LOOKED_AT_ONCE).map(look))
  }
  const spreadMs = (told.length / CLOSED_PER_SECOND) * 1_000
  await eachPaced(told, spreadMs, (device) => device.end('told-offline'), signal)
  return told.length
}

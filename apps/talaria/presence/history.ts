/** What of a session's two events the stream has already, and what the last on their subject is. */
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream'
import { eventSubject } from '#libs/nats/subjects.ts'
import { walk } from '#libs/nats/stream/walk.ts'
import { offlineId, onlineId, PRESENCE_TYPE, type ToldSession } from './events.ts'

const STREAM = 'EVENTS'

/** What is known of a session's events. */
export interface History {
  /** Of the online event, 0 when it is not there. */
  onlineSequence: number
  isOfflineThere: boolean
  /**
   * Of the last message on the subject of which all before it, back to the start, are known. With
   * it as the expected last one, an event is stored only if nothing was overlooked.
   */
  lastSequence: number
}

/** Where the events of a session can begin at the earliest. */
export type HistoryStart = { sequence: number } | { time: Date }

/** A replica that was asked for the whole does not have yet what another had. */
class ReplicaBehindError extends Error {
  override readonly name = 'ReplicaBehindError'
  readonly code = 'REPLICA_BEHIND'
}

/** Reads it. @throws the client's errors, and when a replica is behind. */
export async function readHistory(
  manager: JetStreamManager,
  { device, session }: ToldSession,
  from: HistoryStart,
): Promise<History> {
  const subject = eventSubject(device, PRESENCE_TYPE)
  const history = { onlineSequence: 0, isOfflineThere: false, lastSequence: 0 }
  const take = (message: StoredMsg): boolean => {
    history.lastSequence = message.seq
    const id = message.header.get('Nats-Msg-Id')
    if (id === onlineId(session)) history.onlineSequence = message.seq
    if (id === offlineId(session)) history.isOfflineThere = true
    return history.isOfflineThere || history.onlineSequence === message.seq
  }
  const last = await manager.direct.getMessage(STREAM, { last_by_subj: subject })
  // In most cases it is the one that is looked for; a device that moved has others behind it.
  if (!last || take(last)) return history
  let isAnyRead = false
  for await (const page of walk(manager, { stream: STREAM, subject, from })) {
    isAnyRead = true
    for (const message of page) take(message)
  }
  const isBefore = 'sequence' in from ? last.seq < from.sequence : last.time < from.time
  if (!isAnyRead && !isBefore) throw new ReplicaBehindError('a replica of EVENTS is behind')
  return history
}

/**
 * Whether an event that was stored at `storedAt` or later may have left the stream by its age or
 * for want of room. Asked after the history was read.
 */
export async function mayHaveLeft(manager: JetStreamManager, storedAt: Date): Promise<boolean> {
  const { state } = await manager.streams.info(STREAM)
  if (state.first_seq <= 1) return false
  const edge = state.messages === 0 ? state.last_ts : state.first_ts
  return storedAt <= new Date(edge)
}

/**
 * Telling a session's events exactly once, whoever else may be telling them and however long ago
 * it began: each is stored only if the last message on the subject is still the one up to which
 * the history is known. ADR 20.
 */
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { ToldReason } from '#apps/talaria/reasons.ts'
import type { Store } from '#apps/talaria/uplink/store.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import type { OutgoingEvent } from '#libs/nats/event.ts'
import { isSequenceWrong } from '#libs/nats/stream/sequence.ts'
import type { SessionStore, StoredSession } from '#libs/nats/bucket/sessions.ts'
import { wait } from '#libs/retry/wait.ts'
import { offlineEvent, onlineEvent, type ToldSession } from './events.ts'
import { mayHaveLeft, readHistory, type HistoryStart } from './history.ts'

/** How often others may be faster before it is left for later. */
const ATTEMPTS_MAX = 10

/** The first wait after that; each is longer by as much. */
const CONFLICT_WAIT_MS = 10

/** By how much the clocks of two nats-servers may differ. */
const CLOCKS_MS = 60_000

/** What is to be told. */
export interface ToTell {
  from: HistoryStart
  /** When its entry was stored; undefined when it is known that the online event was. */
  storedAt: Date | undefined
  /** Undefined while the session goes on. */
  offline: OutgoingEvent | undefined
}

/** What was told. */
export interface Told {
  /** Of the online event, 0 when it has left the stream. */
  onlineSequence: number
  /** Somebody had told the end of the session before. */
  wasOver: boolean
}

/** Tells. */
export interface Telling {
  /** Stores what is not there of a session's events. @throws the client's errors: again later. */
  tell(session: ToldSession, what: ToTell): Promise<Told>
  /** Tells the end of a session whose Talaria does not, and takes its entry away. */
  tellFor(talariaId: string, session: StoredSession, reason: ToldReason): Promise<void>
}

/** What {@link createTelling} needs. */
export interface TellingOptions {
  nats: Nats
  sessions: SessionStore
  store: Store
  /** Of the events: a locator. */
  source: string
  metrics: TalariaMetrics
}

/** Tells over one connection. */
export async function createTelling(options: TellingOptions): Promise<Telling> {
  const manager = await jetstreamManager(options.nats.connection, { checkAPI: false })
  const tell: Telling['tell'] = async (session, what) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await tellOnce(session, what, { ...options, manager })
      } catch (error) {
        if (!isSequenceWrong(error) || attempt >= ATTEMPTS_MAX) throw error
        await wait(attempt * CONFLICT_WAIT_MS)
      }
    }
  }
  return {
    tell,
    async tellFor(talariaId, session, reason) {
      const { device, revision, storedAt, since } = session
      const upMs = Math.max(0, Date.now() - Date.parse(since))
      const offline = offlineEvent(session, options.source, { reason, upMs })
      const from = { time: new Date(storedAt.getTime() - CLOCKS_MS) }
      const { wasOver } = await tell(session, { from, storedAt, offline })
      if (!wasOver) options.metrics.sessionsTold.inc({ reason })
      await options.sessions.purge(talariaId, device, revision)
    },
  }
}

async function tellOnce(
  session: ToldSession,
  { from, storedAt, offline }: ToTell,
  { manager, store, source }: TellingOptions & { manager: JetStreamManager },
): Promise<Told> {
  const history = await readHistory(manager, session, from)
  let { onlineSequence, lastSequence } = history
  if (history.isOfflineThere) return { onlineSequence, wasOver: true }
  const isMissing = onlineSequence === 0 && storedAt !== undefined
  if (isMissing && !(await mayHaveLeft(manager, storedAt))) {
    onlineSequence = await store.attempt(onlineEvent(session, source), lastSequence)
    lastSequence = onlineSequence
  }
  if (offline) await store.attempt(offline, lastSequence)
  return { onlineSequence, wasOver: false }
}

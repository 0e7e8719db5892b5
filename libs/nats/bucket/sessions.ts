/**
 * The bucket SESSIONS: an entry for each session of a device, from before its online event until
 * after its offline event, so that somebody can tell the end of a session whose Talaria is gone.
 * Every write names the revision that it goes over: two who write the same key never overwrite
 * each other unseen. ADR 20.
 */
import { jetstreamManager, type StoredMsg } from '@nats-io/jetstream'
import { Empty, headers } from '@nats-io/transport-node'
import { z } from 'zod'
import type { Logger } from '#libs/log/logger.ts'
import type { DeviceId } from '#libs/wrp/locator.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { createPublisher, type StreamPublisher } from '#libs/nats/stream/publisher.ts'
import { isSequenceWrong } from '#libs/nats/stream/sequence.ts'
import {
  HOLDER_SUBJECTS,
  holderSubject,
  parseSessionSubject,
  sessionEntrySubject,
  sessionEntrySubjects,
} from '#libs/nats/subjects.ts'
import { REQUEST_MS } from '#libs/nats/connection/request-timeout.ts'
import { walk } from '#libs/nats/stream/walk.ts'

/** The bucket's name. */
export const SESSIONS_BUCKET = 'SESSIONS'

const STREAM = `KV_${SESSIONS_BUCKET}`

/**
 * How long the marker of a purge stays. Nobody waits for it; a second is the least that
 * nats-server takes, and some more let a person with `nats kv watch` see it.
 */
const MARKER_TTL = '5s'

/** How long one write may wait for its acknowledgement. */
const WRITE_MS = 5_000

const OPERATION_HEADER = 'KV-Operation'

/** After how long the server takes a message away by itself (ADR-43 of NATS). */
const TTL_HEADER = 'Nats-TTL'

/** The shape of an entry: what the offline event says of the session. */
const sessionEntry = z.object({
  session: z.string().min(1).max(64),
  /** When it began, ISO 8601. */
  since: z.iso.datetime(),
  partners: z.array(z.string()),
  /** What its presence events have as metadata. */
  metadata: z.record(z.string(), z.string()),
})

/** One session. */
export type SessionEntry = z.infer<typeof sessionEntry>

/** An entry as it lies in the bucket. */
export interface StoredSession extends SessionEntry {
  device: DeviceId
  revision: number
  /** By the server's clock. */
  storedAt: Date
}

/** What a key has: a session, or only the revision of what was there. */
export type KeyState = { session: StoredSession | undefined; revision: number }

/** The bucket. Every function throws the client's errors when NATS does not take or answer it. */
export interface SessionStore {
  /** Puts an entry over `revision`, 0 for none; resolves with its own, undefined when another is there. */
  put(
    talariaId: string,
    device: DeviceId,
    entry: SessionEntry,
    revision: number,
  ): Promise<number | undefined>
  /** What a key has at this moment. */
  look(talariaId: string, device: DeviceId): Promise<KeyState>
  /** Takes an entry away; false when it is another by now, or none. */
  purge(talariaId: string, device: DeviceId, revision: number): Promise<boolean>
  /** The entries of a Talaria, in pages. */
  entriesOf(talariaId: string): AsyncGenerator<StoredSession[], void>
  /** Says that a Talaria may have entries from now on. */
  announce(talariaId: string): Promise<number>
  /** Takes that back; false when it was said again meanwhile. */
  withdraw(talariaId: string, revision: number): Promise<boolean>
  /** The Talarias that may have entries, with the revision for {@link withdraw}. */
  holders(): Promise<Map<string, number>>
}

/** Opens the bucket that `npm run nats:apply` made. Only its inbox is subscribed to until it is used. */
export async function openSessions(nats: Nats, log: Logger): Promise<SessionStore> {
  const publisher = createPublisher(nats)
  const manager = await jetstreamManager(nats.connection, { checkAPI: false, timeout: REQUEST_MS })
  return {
    async put(talariaId, device, entry, revision) {
      const subject = sessionEntrySubject(talariaId, device)
      return written(
        publisher.publish(subject, bytesOf(entry), {
          timeout: WRITE_MS,
          expect: { lastSubjectSequence: revision },
        }),
      )
    },
    async look(talariaId, device) {
      const last_by_subj = sessionEntrySubject(talariaId, device)
      const found = await manager.direct.getMessage(STREAM, { last_by_subj })
      if (!found) return { session: undefined, revision: 0 }
      return { session: readEntry(found, log), revision: found.seq }
    },
    purge: (talariaId, device, revision) =>
      purge(publisher, sessionEntrySubject(talariaId, device), revision),
    async *entriesOf(talariaId) {
      const subject = sessionEntrySubjects(talariaId)
      for await (const page of walk(manager, { stream: STREAM, subject, from: { sequence: 1 } })) {
        yield page.map((message) => readEntry(message, log)).filter((entry) => entry !== undefined)
      }
    },
    async announce(talariaId) {
      const value = bytesOf({ announced: new Date().toISOString() })
      const ack = await publisher.publish(holderSubject(talariaId), value, { timeout: WRITE_MS })
      return ack.seq
    },
    withdraw: (talariaId, revision) => purge(publisher, holderSubject(talariaId), revision),
    async holders() {
      const holders = new Map<string, number>()
      const which = { stream: STREAM, subject: HOLDER_SUBJECTS, from: { sequence: 1 } }
      for await (const page of walk(manager, which)) {
        for (const message of page) {
          if (!isMarker(message)) {
            holders.set(parseSessionSubject(message.subject).talariaId, message.seq)
          }
        }
      }
      return holders
    },
  }
}

async function purge(
  publisher: StreamPublisher,
  subject: string,
  revision: number,
): Promise<boolean> {
  const marker = headers()
  marker.set(OPERATION_HEADER, 'PURGE')
  marker.set('Nats-Rollup', 'sub')
  marker.set(TTL_HEADER, MARKER_TTL)
  const publishing = publisher.publish(subject, Empty, {
    headers: marker,
    timeout: WRITE_MS,
    expect: { lastSubjectSequence: revision },
  })
  return (await written(publishing)) !== undefined
}

const bytesOf = (value: object): Uint8Array => Buffer.from(JSON.stringify(value))

/** The sequence under which it was written; undefined when something newer is there. */
async function written(publishing: Promise<{ seq: number }>): Promise<number | undefined> {
  try {
    return (await publishing).seq
  } catch (error) {
    if (isSequenceWrong(error)) return undefined
    throw error
  }
}

const isMarker = (message: StoredMsg): boolean => message.header.has(OPERATION_HEADER)

/** Undefined for a marker, and for what nobody can read, which is told. */
function readEntry(message: StoredMsg, log: Logger): StoredSession | undefined {
  if (isMarker(message)) return undefined
  const { subject, seq: revision, time: storedAt } = message
  try {
    const { device } = parseSessionSubject(subject)
    if (!device) return undefined
    return { ...sessionEntry.parse(message.json()), device, revision, storedAt }
  } catch (error) {
    log.warn({ bucket: SESSIONS_BUCKET, subject, error: String(error) }, 'entry cannot be read')
    return undefined
  }
}

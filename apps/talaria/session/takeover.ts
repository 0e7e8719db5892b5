/**
 * One session per device across all Talarias: who takes a device says so, and who still holds it
 * judges which of the two sessions stays. The newest wins; see {@link judgeTakeover}.
 */
import { z } from 'zod'

/**
 * Ages that differ by more than this say by themselves which session is newer, whatever the
 * clocks of the two hosts say; announcements take milliseconds, and this is room for a slow one.
 */
const AGE_CLEAR_MS = 5_000

const sessionAnnouncement = z.object({
  sessionId: z.string().min(1).max(64),
  /** By the announcing host's clock, epoch milliseconds. */
  connectedAtMs: z.number(),
  /** How long the session had lasted when it was announced; not there means that it just began. */
  ageMs: z.number().nonnegative().default(0),
  talaria: z.string().max(256),
})

/** What is said on a device's session subject. */
export type SessionAnnouncement = z.infer<typeof sessionAnnouncement>

/** The bytes of an announcement. */
export function encodeAnnouncement(announcement: SessionAnnouncement): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(announcement))
}

/** The announcement, or undefined for what is none. */
export function readAnnouncement(bytes: Uint8Array): SessionAnnouncement | undefined {
  try {
    return sessionAnnouncement.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return undefined
  }
}

/**
 * Which of my session and an announced one stays. Where the ages differ clearly the younger does;
 * else both sides order by (connectedAtMs, sessionId), and the greater stays.
 */
export function judgeTakeover(
  mine: Pick<SessionAnnouncement, 'sessionId' | 'connectedAtMs' | 'ageMs'>,
  theirs: SessionAnnouncement,
): 'same' | 'mine' | 'theirs' {
  if (mine.sessionId === theirs.sessionId) return 'same'
  const olderMs = mine.ageMs - theirs.ageMs
  if (Math.abs(olderMs) > AGE_CLEAR_MS) return olderMs > 0 ? 'theirs' : 'mine'
  if (mine.connectedAtMs !== theirs.connectedAtMs) {
    return mine.connectedAtMs > theirs.connectedAtMs ? 'mine' : 'theirs'
  }
  return mine.sessionId > theirs.sessionId ? 'mine' : 'theirs'
}

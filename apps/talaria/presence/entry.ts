/** Putting a session's entry, also where another's is. */
import type { Link } from '#apps/talaria/uplink/link.ts'
import type { SessionStore } from '#libs/nats/bucket/sessions.ts'
import type { ToldSession } from './events.ts'
import type { Telling } from './telling.ts'

/** How often a key may change between a look and the put; a former self writes no more. */
const ATTEMPTS_MAX = 5

/** What {@link putEntry} needs. */
export interface PutEntryOptions {
  link: Link
  sessions: SessionStore
  telling: Telling
  talariaId: string
}

/**
 * Puts the entry and resolves with its revision. Where a former self of this Talaria left one of
 * the same device, its end is told first: over it, nobody would know of that session any more.
 * @throws the client's errors: again later.
 */
export async function putEntry(
  { device, ...entry }: ToldSession,
  { link, sessions, telling, talariaId }: PutEntryOptions,
): Promise<number> {
  let over = 0
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const revision = await link.whileUp(sessions.put(talariaId, device, entry, over))
    if (revision !== undefined) return revision
    const found = await sessions.look(talariaId, device)
    // An attempt before this one was stored, and its acknowledgement was lost.
    if (found.session?.session === entry.session) return found.revision
    over = found.revision
    if (!found.session) continue
    await telling.tellFor(talariaId, found.session, 'talaria-restarted')
    over = (await sessions.look(talariaId, device)).revision
  }
  throw new Error(`the entry of ${device} is written by somebody else, too`)
}

/**
 * Which Talarias are gone although they may have sessions, and whose task each is: of those that
 * live one, by the same rendezvous hash for all, tells their ends. Nothing is told of a Talaria that
 * answers a ping, and nothing before its lease had time to be seen. ADR 20.
 */
import { ownerOf } from '#libs/hash/rendezvous.ts'
import type { TalariaEntry } from '#libs/nats/bucket/talarias.ts'

/** Whose absence is being watched. */
export interface Absences {
  /** Its lease was seen to run out: nothing more has to be waited for. */
  ranOut(id: string): void
  /** Nobody can be seen: whoever is absent gets a whole lease again. */
  forget(): void
  /** Of the holders, those that are gone and this Talaria's task; `now` by the process' clock. */
  due(
    holders: Iterable<string>,
    members: ReadonlyMap<string, TalariaEntry>,
    now: number,
  ): { due: string[]; waiting: number }
}

/** What {@link createAbsences} needs. */
export interface AbsencesOptions {
  talariaId: string
  leaseMs: number
}

/** Nobody is absent yet. */
export function createAbsences({ talariaId, leaseMs }: AbsencesOptions): Absences {
  /** From when each counts as absent. */
  const absentSince = new Map<string, number>()
  return {
    ranOut: (id) => void absentSince.set(id, Number.NEGATIVE_INFINITY),
    forget: () => absentSince.clear(),
    due(holders, members, now) {
      const absent = [...holders].filter((id) => id !== talariaId && !members.has(id))
      for (const id of absentSince.keys()) if (!absent.includes(id)) absentSince.delete(id)
      for (const id of absent) if (!absentSince.has(id)) absentSince.set(id, now)
      const gone = absent.filter((id) => now - (absentSince.get(id) ?? now) >= leaseMs)
      const due = gone.filter((id) => tellerOf(id, members) === talariaId)
      return { due, waiting: absent.length - gone.length }
    },
  }
}

/** Who tells the sessions of a Talaria that is gone: one that ends itself only if no other is there. */
function tellerOf(id: string, members: ReadonlyMap<string, TalariaEntry>): string | undefined {
  const all = [...members]
  const staying = all.filter(([, { draining }]) => !draining)
  const able = (staying.length > 0 ? staying : all).map(([each]) => ({ id: each, weight: 1 }))
  return ownerOf(`sessions/${id}`, able)
}

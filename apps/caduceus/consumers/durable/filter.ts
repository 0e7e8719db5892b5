/**
 * Turns a webhook's event patterns into a subject filter where that is provably no narrower. One
 * filter at most: several make a lagging consumer some twenty times slower (nats.md §3.2).
 */
import { EVENT_TYPE_LENGTH_MAX, eventSubjectsOfType } from '#libs/nats/subjects.ts'

/** A pattern that only events of one type can match: `^online/…`, `^online$`. */
const OF_ONE_TYPE = new RegExp(`^\\^([A-Za-z0-9_-]{1,${EVENT_TYPE_LENGTH_MAX}})(?:/|\\$$)`)

/** What would let the rest of a pattern be passed by: `^online/|offline`. */
const ALTERNATIVE = '|'

/** The one subject that holds all events the patterns can match; undefined means all events. */
export function filterSubjectOf(patterns: readonly string[]): string | undefined {
  const types = new Set(patterns.map(typeOf))
  const [type] = types
  return types.size === 1 && type !== undefined ? eventSubjectsOfType(type) : undefined
}

function typeOf(pattern: string): string | undefined {
  if (pattern.includes(ALTERNATIVE)) return undefined
  const [matched, type] = pattern.match(OF_ONE_TYPE) ?? []
  // `^online/*` takes `online` without its slash, and `^online/?` `onlineX`.
  const following = pattern.charAt(matched?.length ?? 0)
  return '*?{'.includes(following) && following !== '' ? undefined : type
}

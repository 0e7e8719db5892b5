/** How long a registration lives, of what its owner asked. caduceus.md §1. */
import { formatDuration, parseDuration } from './duration.ts'
import { fieldOf, ownField } from './fields.ts'
import { invalid, RegistrationError } from './registration-error.ts'

/** Clocks differ: `until` may be this much later than allowed. Upstream's sample. */
const UNTIL_JITTER_MS = 10_000

/** What a life may be. */
export interface LifeRules {
  nowMs: number
  /** The longest life of a registration. */
  durationMsMax: number
  /** Version 2 of the API: a time that is missing or wrong becomes the longest one, with a warning. */
  isLenient: boolean
}

/** When the registration ends. */
export interface RegisteredUntil {
  untilMs: number
  /** Why the time is not the one that was asked for. */
  warning: string | undefined
}

/** What was asked for, as read. */
export interface Time {
  durationMs: number | undefined
  untilMs: number | undefined
  /** What could not be read, and why. */
  fault: string | undefined
}

/** Reads `duration` and `until`. @throws {RegistrationError} unless it is lenient. */
export function readTime(body: Record<string, unknown>, { isLenient }: LifeRules): Time {
  const time: Time = { durationMs: undefined, untilMs: undefined, fault: undefined }
  const refuse = (fault: string): void => {
    if (!isLenient) throw new RegistrationError('REGISTRATION_MALFORMED', fault)
    time.fault = fault
  }
  const duration = ownField(body, 'duration')
  if (duration.isThere) {
    time.durationMs = parseDuration(duration.value)
    if (time.durationMs === undefined) {
      const shown = (JSON.stringify(duration.value) ?? '').slice(0, 80)
      refuse(`duration must be of type int or string (ex:'5m'); Invalid value: ${shown}`)
    }
  }
  const until = fieldOf(body, 'until')
  if (until === undefined || until === '') return time
  const atMs = typeof until === 'string' ? Date.parse(until) : Number.NaN
  // Go's zero time, which its clients send for "absent".
  if (typeof until === 'string' && until.startsWith('0001-01-01T00:00:00')) return time
  if (Number.isNaN(atMs)) refuse('until must be a time in the form of RFC 3339')
  else time.untilMs = atMs
  return time
}

/** @throws {RegistrationError} for a time that is out of bounds, unless it is lenient. */
export function checkTime(
  { durationMs, untilMs, fault }: Time,
  { nowMs, durationMsMax, isLenient }: LifeRules,
): RegisteredUntil {
  const max = formatDuration(durationMsMax)
  const found = ((): number | string => {
    if (fault !== undefined) return fault
    // `until` wins if both are given.
    if (untilMs !== undefined) {
      return untilMs <= nowMs + durationMsMax + UNTIL_JITTER_MS
        ? untilMs
        : `until: value of webhook is out of bounds: ${new Date(untilMs).toISOString()} is more than ${max} from now`
    }
    // Go's clients send a zero duration for "absent" too, but beside an `until`.
    if (durationMs === undefined) return 'duration: until and duration are both absent'
    return durationMs >= 0 && durationMs <= durationMsMax
      ? nowMs + durationMs
      : `duration: value of webhook is out of bounds: ${formatDuration(durationMs)} not between 0 and ${max}`
  })()
  if (typeof found === 'number') return { untilMs: found, warning: undefined }
  if (!isLenient) throw invalid(found)
  return { untilMs: nowMs + durationMsMax, warning: `${found}; the webhook expires in ${max}` }
}

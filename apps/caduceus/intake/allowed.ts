/**
 * Which events the intake takes from a caller: those of the caller's own partners, and none of a type
 * that only a Talaria publishes.
 */
import { ANY_PARTNER } from '#apps/caduceus/webhook.ts'
import type { NotificationOutcome } from '#apps/caduceus/reasons.ts'

/** Whether a device is online only the Talaria that holds it knows, and receivers rely on it. */
const RESERVED_TYPES: ReadonlySet<string> = new Set(['device-status'])

/** An event that its caller may not bring. */
export interface Refused {
  outcome: NotificationOutcome
  message: string
}

/**
 * The partners that the event is for, or why it is refused: those that it names, which must be the
 * caller's, else the caller's. Undefined for none, of a caller who may speak for all.
 */
export function partnersOfEvent(
  type: string,
  named: readonly string[] | undefined,
  callerPartners: readonly string[],
): readonly string[] | undefined | Refused {
  if (RESERVED_TYPES.has(type.trim().toLowerCase())) {
    return { outcome: 'type-reserved', message: `events of ${type.trim()} are a Talaria's alone` }
  }
  const wanted = (named ?? []).filter((partner) => partner.trim() !== '')
  if (callerPartners.includes(ANY_PARTNER)) return wanted.length > 0 ? wanted : undefined
  if (callerPartners.length === 0) {
    return { outcome: 'partners-missing', message: 'the token names no partner' }
  }
  if (wanted.length === 0) return callerPartners
  if (wanted.every((partner) => callerPartners.includes(partner))) return wanted
  return {
    outcome: 'partners-foreign',
    message: "the event names partners that are not the token's",
  }
}

/** Which events a webhook gets, and what deciding it may cost. caduceus.md §3. */
import { ANY_PARTNER, type Webhook } from '#apps/caduceus/webhook.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { compilePattern, type Pattern } from './pattern.ts'

/**
 * Says whether an event is meant for the webhook; if not, what it failed at. `overrun` means that it
 * would cost more than one event may.
 */
export type Matcher = (event: WrpMessage) => 'matched' | 'partner' | 'event' | 'device' | 'overrun'

/**
 * What one event may cost one webhook, in instructions for each character: twice what 500
 * instructions cost on the longest source and destination, some tens of milliseconds at worst. It is
 * counted before and not measured after, as a match cannot be broken off, and a clock would blame an
 * event for a process that stood still.
 */
const STEPS_MAX = 1_000_000

/** What `events` is compared with: the destination without one leading `event:`. */
export function eventOf({ dest = '' }: WrpMessage): string {
  return dest.startsWith(EVENT_SCHEME) ? dest.slice(EVENT_SCHEME.length) : dest
}

const EVENT_SCHEME = 'event:'

/** Compiles a webhook's patterns; they were checked when it was registered. */
export function createMatcher({ partnerIds, hook }: Webhook): Matcher {
  const partners = new Set(partnerIds)
  const events = hook.events.map(compilePattern)
  const devices = hook.matcher.device_id.map(compilePattern)
  const isPartner = (event: WrpMessage): boolean =>
    partners.has(ANY_PARTNER) || (event.partner_ids ?? []).some((id) => partners.has(id))
  return (event) => {
    const name = eventOf(event)
    if (!isPartner(event)) return 'partner'
    const steps = { left: STEPS_MAX }
    const isEvent = isAnyIn(events, [name], steps)
    if (!isEvent) return isEvent === undefined ? 'overrun' : 'event'
    // Talaria's own events have the device in the destination, a device's have it in the source.
    const isDevice = isAnyIn(devices, [event.source ?? '', name], steps)
    if (!isDevice) return isDevice === undefined ? 'overrun' : 'device'
    return 'matched'
  }
}

/** Whether one of the patterns takes one of the texts; undefined when there are no steps left to say. */
function isAnyIn(
  patterns: readonly Pattern[],
  texts: readonly string[],
  steps: { left: number },
): boolean | undefined {
  if (patterns.some(({ takesAll }) => takesAll)) return true
  for (const pattern of patterns) {
    for (const text of texts) {
      steps.left -= pattern.instructionCount * (text.length + 1)
      if (steps.left < 0) return undefined
      if (pattern.test(text)) return true
    }
  }
  return false
}

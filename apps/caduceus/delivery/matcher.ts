/** Which events a webhook gets. The patterns are strangers', so they run in linear time (RE2). */
import { RE2JS } from 're2js'
import { ANY_PARTNER, type Webhook } from '#apps/caduceus/webhook.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'

/** Says whether an event is meant for the webhook; if not, what it failed at. */
export type Matcher = (event: WrpMessage) => 'matched' | 'partner' | 'event' | 'device'

/** What `events` is compared with: the destination without one leading `event:`. */
export const eventOf = (event: WrpMessage): string => (event.dest ?? '').replace(/^event:/, '')

/** @throws re2js' error for a pattern that RE2 does not take. */
export const compilePattern = (pattern: string): RE2JS => RE2JS.compile(pattern)

/** Compiles a webhook's patterns; they were checked when it was registered. caduceus.md §3. */
export function createMatcher({ partnerIds, hook }: Webhook): Matcher {
  const partners = new Set(partnerIds)
  const events = hook.events.map(compilePattern)
  const deviceIds = hook.matcher.device_id
  const devices = deviceIds.includes('.*') ? undefined : deviceIds.map(compilePattern)
  const isPartner = (event: WrpMessage): boolean =>
    partners.has(ANY_PARTNER) || (event.partner_ids ?? []).some((id) => partners.has(id))
  return (event) => {
    const name = eventOf(event)
    if (!isPartner(event)) return 'partner'
    if (!events.some((pattern) => pattern.test(name))) return 'event'
    // Talaria's own events have the device in the destination, a device's have it in the source.
    const source = event.source ?? ''
    const isDevice = devices?.some((pattern) => pattern.test(source) || pattern.test(name)) ?? true
    return isDevice ? 'matched' : 'device'
  }
}

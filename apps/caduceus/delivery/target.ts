/** A webhook as a delivery sees it. */
import type { Webhook } from '#apps/caduceus/webhook.ts'
import type { Matcher } from './matching/matcher.ts'

/** Where an event may have to go. */
export interface DeliveryTarget {
  readonly id: string
  readonly webhook: Webhook
  readonly matches: Matcher
}

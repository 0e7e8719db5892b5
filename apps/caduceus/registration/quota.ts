/** What one owner may have and do, so that he takes nothing from the others. */
import type { Webhooks } from '#apps/caduceus/consumers/webhooks.ts'
import { compilePattern } from '#apps/caduceus/delivery/matching/pattern.ts'
import { createRates } from '#apps/caduceus/rates.ts'
import type { Hook, Webhook } from '#apps/caduceus/webhook.ts'
import { RegisterError } from './register-error.ts'

/** From the configuration. */
export interface QuotaLimits {
  webhooksMax: number
  /** RE2 instructions of all patterns of all webhooks. */
  instructionsMax: number
  /** Registrations and removals; after a pause as many at once. */
  changesPerMinute: number
}

/** What an owner may have more. */
export interface Quotas {
  /** Takes one change of the owner's rate; resolves to how long to wait where there is none, ms. */
  takeChange(owner: string): number | undefined
  /**
   * Holds the place of a registration until it is disposed of, so that many at once are not more
   * than one after the other. `isOwn` says which webhooks are the owner's.
   * @throws {RegisterError} OWNER_WEBHOOKS_MAX, OWNER_INSTRUCTIONS_MAX
   */
  enter(id: string, webhook: Webhook, isOwn: (owner: string) => boolean): Disposable
}

const MINUTE_MS = 60_000

/** Counts from what `webhooks` knows; what ended counts until it is swept, as its consumer is there. */
export function createQuotas(limits: QuotaLimits, webhooks: Webhooks): Quotas {
  const changes = createRates(limits.changesPerMinute, MINUTE_MS)
  const entering = new Map<symbol, { id: string; webhook: Webhook }>()
  return {
    takeChange: (owner) => changes.take(owner),
    enter(id, webhook, isOwn) {
      const others = new Map<string, Webhook>()
      for (const each of [...webhooks.all(), ...entering.values()]) {
        if (each.id !== id && isOwn(each.webhook.owner)) others.set(each.id, each.webhook)
      }
      check(limits, webhook, others, webhooks.get(id) !== undefined)
      const place = Symbol(id)
      entering.set(place, { id, webhook })
      return { [Symbol.dispose]: () => void entering.delete(place) }
    },
  }
}

function check(
  { webhooksMax, instructionsMax }: QuotaLimits,
  webhook: Webhook,
  others: ReadonlyMap<string, Webhook>,
  isKnown: boolean,
): void {
  // Who has too many since the limit is lower may still renew what he has.
  if (!isKnown && others.size >= webhooksMax) {
    throw new RegisterError(
      'OWNER_WEBHOOKS_MAX',
      `you have ${others.size} webhooks, and an owner may have ${webhooksMax}`,
    )
  }
  let count = instructionCountOf(webhook.hook)
  for (const { hook } of others.values()) count += instructionCountOf(hook)
  if (count > instructionsMax) {
    throw new RegisterError(
      'OWNER_INSTRUCTIONS_MAX',
      `with it the patterns of your webhooks have ${count} RE2 instructions, and an owner may have ${instructionsMax}`,
    )
  }
}

/** The patterns of a webhook that is known are compiled, so this only adds up. */
const instructionCountOf = ({ events, matcher }: Hook): number =>
  [...events, ...matcher.device_id].reduce(
    (count, pattern) => count + compilePattern(pattern).instructionCount,
    0,
  )

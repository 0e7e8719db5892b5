/**
 * The bytes of events that this process may have in hand, over all webhooks. Each webhook always has
 * a small share, enough for common events; room for a large one is lent.
 */
import type { ByteAllowance } from '#libs/nats/stream/pull.ts'
import { createLending, LARGEST_BYTES } from './lending.ts'

/** The part that belongs to all webhooks in equal shares; the rest is lent. */
const SHARED = 1 / 4

/** A share is no smaller, as it would not fit the smallest events, and no larger than is of use. */
const SHARE_BYTES_MIN = 4 * 1_024
const SHARE_BYTES_MAX = 1_024 * 1_024

/** From the configuration. */
export interface ByteLimits {
  /** Over all webhooks. */
  totalMax: number
  /** What may be lent to the webhooks of one owner; room for one event is lent always. */
  ownerMax: number
}

/** The budget. */
export interface ByteBudget {
  /** The allowance of one webhook; dispose of it when its last event is settled. */
  open(owner: string): ByteAllowance & Disposable
}

/** Nothing in hand. */
export function createByteBudget(
  { totalMax, ownerMax }: ByteLimits,
  onLent: (bytes: number) => void = () => undefined,
): ByteBudget {
  const lending = createLending({ totalMax: totalMax * (1 - SHARED), ownerMax, onLent })
  let webhookCount = 0
  const share = (): number => {
    const equal = Math.floor((totalMax * SHARED) / Math.max(1, webhookCount))
    return Math.min(SHARE_BYTES_MAX, Math.max(SHARE_BYTES_MIN, equal))
  }
  return {
    open(owner) {
      webhookCount += 1
      let loanCount = 0
      const giveBack = (): void => {
        loanCount -= 1
        lending.giveBack(owner)
      }
      return {
        get granted() {
          return share() + loanCount * LARGEST_BYTES
        },
        async grow(signal) {
          await lending.borrow(owner, signal)
          loanCount += 1
        },
        shrink(neededBytes) {
          while (loanCount > 0 && share() + (loanCount - 1) * LARGEST_BYTES >= neededBytes) {
            giveBack()
          }
        },
        [Symbol.dispose]() {
          webhookCount -= 1
          while (loanCount > 0) giveBack()
        },
      }
    },
  }
}

/** What a Talaria answers to a ping: who it is, and whether NATS has all its subscriptions. */
import type { Msg } from '@nats-io/transport-node'
import { z } from 'zod'

const talariaPing = z.object({
  id: z.string(),
  /** False for a moment after a reconnect: then a device that is connected may have no responder. */
  subscribed: z.boolean(),
  /**
   * Since when, ISO 8601 by its own clock. Two answers with the same one have no reconnect between
   * them; nobody compares it with another clock.
   */
  since: z.string(),
  /** For how long, in milliseconds, whatever was done to the clock; told with the receipts. */
  ageMs: z.number().optional(),
})

/** The answer. */
export type TalariaPing = z.infer<typeof talariaPing>

/**
 * A ping that asks for the receipts of all commands that are with devices, before its answer: an
 * answer without a command's receipt says that this Talaria has not taken it.
 */
export const PING_FOR_RECEIPTS = JSON.stringify({ receipts: true })

/** The answer that `message` is; undefined for what is none, such as an error. */
export function readTalariaPing(message: Msg): TalariaPing | undefined {
  try {
    return talariaPing.parse(message.json())
  } catch {
    return undefined
  }
}

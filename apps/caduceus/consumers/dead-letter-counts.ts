/** How many dead letters the stream has of each webhook, as of the last look. */
import type { JetStreamManager } from '@nats-io/jetstream'
import type { Logger } from '#libs/log/logger.ts'
import {
  DEAD_LETTERS_PER_WEBHOOK_MAX,
  DEAD_LETTERS_STREAM,
} from '#libs/nats/stream/dead-letters.ts'
import { DEAD_LETTER_SUBJECTS, webhookIdOfDeadLetter } from '#libs/nats/subjects.ts'

/** The counts. */
export interface DeadLetterCounts {
  /** @throws the client's errors. */
  look(manager: JetStreamManager): Promise<void>
  countOf(webhookId: string): number
}

/** Nothing looked at yet. One that is full is told once, until there is room again. */
export function createDeadLetterCounts(log: Logger): DeadLetterCounts {
  let counts: ReadonlyMap<string, number> = new Map()
  const full = new Set<string>()
  return {
    async look(manager) {
      const { state } = await manager.streams.info(DEAD_LETTERS_STREAM, {
        subjects_filter: DEAD_LETTER_SUBJECTS,
      })
      const found = Object.entries(state.subjects ?? {})
      counts = new Map(found.map(([subject, count]) => [webhookIdOfDeadLetter(subject), count]))
      for (const [webhookId, count] of counts) {
        if (count < DEAD_LETTERS_PER_WEBHOOK_MAX) full.delete(webhookId)
        else if (!full.has(webhookId)) {
          full.add(webhookId)
          log.warn({ webhookId, count }, 'dead letters of the webhook are full, its oldest go')
        }
      }
      for (const webhookId of full) if (!counts.has(webhookId)) full.delete(webhookId)
    },
    countOf: (webhookId) => counts.get(webhookId) ?? 0,
  }
}

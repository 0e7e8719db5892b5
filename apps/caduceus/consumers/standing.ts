/** What a webhook's consumer owes, and since when, as NATS said at the last look. */
import type { JetStreamManager } from '@nats-io/jetstream'
import type { Standing } from '#apps/caduceus/metrics.ts'
import { EVENT_SUBJECTS } from '#libs/nats/subjects.ts'
import { EVENTS_STREAM } from './durable/consumer-api.ts'
import type { Facts } from './loss/place.ts'

/** Of all webhooks that were looked at. */
export interface Standings {
  /** @throws the client's errors. */
  look(manager: JetStreamManager, webhookId: string, facts: Facts): Promise<void>
  end(webhookId: string): void
  all(): ReadonlyMap<string, Standing>
}

interface Known extends Standing {
  /** Where in the stream the oldest was looked for. */
  from: number
}

/** Nothing looked at yet. */
export function createStandings(): Standings {
  const standings = new Map<string, Known>()
  return {
    async look(manager, webhookId, { consumer, firstSeq }) {
      const filter = consumer.config.filter_subject ?? EVENT_SUBJECTS
      const { num_pending: backlogCount, num_ack_pending: unackedCount, ack_floor } = consumer
      const from = Math.max(ack_floor.stream_seq + 1, firstSeq)
      const before = standings.get(webhookId)
      let oldestAtMs: number | undefined
      if (backlogCount + unackedCount > 0) {
        oldestAtMs =
          before?.from === from && before.oldestAtMs !== undefined
            ? before.oldestAtMs
            : await timeOfNext(manager, from, filter)
      }
      standings.set(webhookId, { backlogCount, oldestAtMs, from })
    },
    end: (webhookId) => void standings.delete(webhookId),
    all: () => standings,
  }
}

async function timeOfNext(
  manager: JetStreamManager,
  seq: number,
  filter: string,
): Promise<number | undefined> {
  const found = await manager.direct.getMessage(EVENTS_STREAM, { seq, next_by_subj: filter })
  return found?.time.getTime()
}

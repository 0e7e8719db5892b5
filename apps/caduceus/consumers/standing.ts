/** What a webhook's consumers owe, and since when, as NATS said at the last look. */
import type { JetStreamManager } from '@nats-io/jetstream'
import { streamOfFeed, webhookIdOfFeed } from '#apps/caduceus/feed.ts'
import type { Standing } from '#apps/caduceus/metrics.ts'
import type { EventStream } from '#libs/nats/stream/event-streams.ts'
import { EVENT_SUBJECTS } from '#libs/nats/subjects.ts'
import type { Facts } from './loss/place.ts'

/** Of all webhooks that were looked at. */
export interface Standings {
  /** @throws the client's errors. */
  look(manager: JetStreamManager, feed: string, facts: Facts): Promise<void>
  end(feed: string): void
  /** By webhook. */
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
    async look(manager, feed, { consumer, firstSeq }) {
      const filter = consumer.config.filter_subject ?? EVENT_SUBJECTS
      const { num_pending: backlogCount, num_ack_pending: unackedCount, ack_floor } = consumer
      const from = Math.max(ack_floor.stream_seq + 1, firstSeq)
      const before = standings.get(feed)
      let oldestAtMs: number | undefined
      if (backlogCount + unackedCount > 0) {
        oldestAtMs =
          before?.from === from && before.oldestAtMs !== undefined
            ? before.oldestAtMs
            : await timeOfNext(manager, { stream: streamOfFeed(feed), seq: from, filter })
      }
      standings.set(feed, { backlogCount, oldestAtMs, from })
    },
    end: (feed) => void standings.delete(feed),
    all: () => ofWebhooks(standings),
  }
}

/** What both feeds of each webhook owe together. */
function ofWebhooks(standings: ReadonlyMap<string, Standing>): Map<string, Standing> {
  const all = new Map<string, Standing>()
  for (const [feed, { backlogCount, oldestAtMs }] of standings) {
    const id = webhookIdOfFeed(feed)
    const other = all.get(id)
    const times = [oldestAtMs, other?.oldestAtMs].filter((each) => each !== undefined)
    all.set(id, {
      backlogCount: backlogCount + (other?.backlogCount ?? 0),
      oldestAtMs: times.length > 0 ? Math.min(...times) : undefined,
    })
  }
  return all
}

async function timeOfNext(
  manager: JetStreamManager,
  { stream, seq, filter }: { stream: EventStream; seq: number; filter: string },
): Promise<number | undefined> {
  const found = await manager.direct.getMessage(stream, { seq, next_by_subj: filter })
  return found?.time.getTime()
}

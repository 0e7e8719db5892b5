/** Where a delivery ends that was given up: the event as it was, why, and how often it failed. */
import type { JetStreamClient } from '@nats-io/jetstream'
import { headers, type MsgHdrs } from '@nats-io/transport-node'
import { feedOf } from '#apps/caduceus/feed.ts'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { DeadLetterReason } from '#apps/caduceus/reasons.ts'
import { createRates } from '#apps/caduceus/rates.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { PulledMessage } from '#libs/nats/stream/pulled-message.ts'
import { deadLetterSubject } from '#libs/nats/subjects.ts'

/** As for events: what was not acknowledged in five seconds will not be. */
const PUBLISH_MS = 5_000

const DAY_MS = 24 * 3_600_000

/** Whose receiver fails has many; one line a minute tells as much. */
const TELL_EVERY_MS = 60_000

/** Headers that would make the server judge the dead letter as if it were the event. */
const SERVER_HEADER_PREFIX = 'Nats-'

/** Why and after how much. */
export interface DeadLetterFacts {
  webhookId: string
  eventId: string
  /** What the last attempt came to, such as `failed`; or `undecodable`. */
  reason: DeadLetterReason
  /** The last response's status. */
  status?: number | undefined
  attemptCount: number
}

/** What {@link createDeadLetters} needs. */
export interface DeadLettersOptions {
  jetStream: JetStreamClient
  /** Bytes of one owner's in a day. */
  ownerBytesMax: number
  metrics: Metrics
  log: Logger
}

/**
 * Keeps a dead letter; the event's own headers go with it. Over what its owner may keep in a day the
 * payload is left out, and a header says how large it was: everybody's share one stream.
 * @throws the client's errors when the stream DEAD_LETTERS did not acknowledge it.
 */
export type KeepDeadLetter = (
  message: PulledMessage,
  facts: DeadLetterFacts,
  owner: string,
) => Promise<void>

/** Nothing kept yet. */
export function createDeadLetters(options: DeadLettersOptions): KeepDeadLetter {
  const { jetStream, ownerBytesMax, metrics, log } = options
  const bytes = createRates(ownerBytesMax, DAY_MS)
  let toldAtMs = Number.NEGATIVE_INFINITY
  const tellCut = (webhookId: string): void => {
    metrics.deadLettersCut.inc()
    if (performance.now() - toldAtMs < TELL_EVERY_MS) return
    toldAtMs = performance.now()
    log.warn({ webhookId }, 'dead letters are kept without their payload: too many of one owner')
  }
  return async (message, facts, owner) => {
    const { length } = message.data
    const isCut = bytes.take(owner, length) !== undefined
    const made = headersOf(message, facts)
    if (isCut) made.set('Xmidt-Dead-Cut', String(length))
    await jetStream.publish(
      deadLetterSubject(facts.webhookId),
      isCut ? new Uint8Array() : message.data,
      {
        // A redelivery between this and its ack makes no second dead letter.
        msgID: `${feedOf(facts.webhookId, message.info.stream)}/${message.seq}`,
        headers: made,
        timeout: PUBLISH_MS,
      },
    )
    if (isCut) tellCut(facts.webhookId)
  }
}

function headersOf(message: PulledMessage, facts: DeadLetterFacts): MsgHdrs {
  const made = headers()
  for (const [name, values] of message.headers ?? []) {
    if (name.startsWith(SERVER_HEADER_PREFIX)) continue
    for (const value of values) made.append(name, value)
  }
  made.set('Xmidt-Dead-Reason', facts.reason)
  made.set('Xmidt-Dead-Attempts', String(facts.attemptCount))
  made.set('Xmidt-Dead-Event', facts.eventId)
  if (facts.status !== undefined) made.set('Xmidt-Dead-Status', String(facts.status))
  return made
}

/** Where a delivery ends that was given up: the event as it was, why, and how often it failed. */
import type { JetStreamClient } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import type { DeadLetterReason } from '#apps/caduceus/metrics.ts'
import type { PulledMessage } from '#libs/nats/pulled-message.ts'
import { deadLetterSubject } from '#libs/nats/subjects.ts'

/** As for events: what was not acknowledged in five seconds will not be. */
const PUBLISH_MS = 5_000

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

/**
 * Keeps a dead letter; the event's own headers go with it.
 * @throws the client's errors when the stream DEAD_LETTERS did not acknowledge it.
 */
export async function publishDeadLetter(
  jetStream: JetStreamClient,
  message: PulledMessage,
  facts: DeadLetterFacts,
): Promise<void> {
  const made = headers()
  for (const [name, values] of message.headers ?? []) {
    if (name.startsWith(SERVER_HEADER_PREFIX)) continue
    for (const value of values) made.append(name, value)
  }
  made.set('Xmidt-Dead-Reason', facts.reason)
  made.set('Xmidt-Dead-Attempts', String(facts.attemptCount))
  made.set('Xmidt-Dead-Event', facts.eventId)
  if (facts.status !== undefined) made.set('Xmidt-Dead-Status', String(facts.status))
  await jetStream.publish(deadLetterSubject(facts.webhookId), message.data, {
    // A redelivery between this and its ack makes no second dead letter.
    msgID: `${facts.webhookId}/${message.seq}`,
    headers: made,
    timeout: PUBLISH_MS,
  })
}

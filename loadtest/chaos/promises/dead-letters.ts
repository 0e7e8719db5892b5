/** What is promised of a webhook that never takes an event: it ends as a dead letter, once, and counted. */
import type { AppMember } from '#loadtest/chaos/fabric/fabric.ts'
import type { NatsServers } from '#loadtest/chaos/fabric/nats.ts'
import { readStream } from '#loadtest/chaos/fabric/read-stream.ts'
import type { Records } from '#loadtest/chaos/load/records.ts'
import type { Webhook } from '#loadtest/chaos/load/webhooks.ts'
import { readEventHeaders } from '#libs/nats/event.ts'
import { acknowledged } from './events.ts'
import { verdict, type Verdict } from './verdict.ts'

/** Dead letters by webhook id and the event's transaction: how many there are of each. */
export type DeadLetters = ReadonlyMap<string, ReadonlyMap<string, number>>

/** Reads the stream. */
export async function readDeadLetters(nats: NatsServers): Promise<DeadLetters> {
  const found = new Map<string, Map<string, number>>()
  await readStream(nats, 'DEAD_LETTERS', 'xmidt.dead.>', ({ subject, headers }) => {
    const webhookId = subject.split('.').at(-1) ?? ''
    const { transactionUuid = '' } = readEventHeaders(headers)
    const letters = found.get(webhookId) ?? new Map<string, number>()
    letters.set(transactionUuid, (letters.get(transactionUuid) ?? 0) + 1)
    found.set(webhookId, letters)
  })
  return found
}

interface Owed {
  webhook: Webhook
  transaction: string
  count: number
}

/** Each acknowledged event that a sick webhook wants, with how often it is a dead letter. */
export function owedLetters(
  records: Records,
  webhooks: readonly Webhook[],
  letters: DeadLetters,
): Owed[] {
  const events = acknowledged(records)
  return webhooks
    .filter(({ manner }) => manner !== 'sound')
    .flatMap((webhook) =>
      events
        .filter((event) => webhook.wants(event))
        .map(({ id }) => ({
          webhook,
          transaction: id,
          count: letters.get(webhook.id)?.get(id) ?? 0,
        })),
    )
}

/** What a sick receiver is owed is kept, once. */
export const keptAsDeadLetter = (owed: readonly Owed[]): Verdict =>
  verdict(
    'what a sick webhook refuses to the end is a dead letter, once',
    owed.length,
    owed.filter(({ count }) => count !== 1),
    ({ webhook, transaction, count }) =>
      `${transaction} for ${webhook.name}: ${count} dead letters`,
  )

/** The counters of all Caduceus add up to what the stream has. No Caduceus was restarted meanwhile. */
export async function lettersCounted(
  caduceuses: readonly AppMember[],
  letters: DeadLetters,
): Promise<Verdict> {
  const pages = await Promise.all(
    caduceuses.map(async ({ operationsUrl }) => (await fetch(`${operationsUrl}/metrics`)).text()),
  )
  const counted = pages
    .flatMap((page) => page.split('\n'))
    .filter((line) => line.startsWith('xmidt_caduceus_dead_letters_total'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  const kept = [...letters.values()].flatMap((each) => [...each.values()])
  const total = kept.reduce((sum, count) => sum + count, 0)
  return verdict(
    'dead letters are counted',
    total,
    counted === total ? [] : [counted],
    (wrong) => `the counters say ${wrong}, the stream has ${total}`,
  )
}

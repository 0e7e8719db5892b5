/** What is promised of events: none that was acknowledged is lost, and one event has one id. */
import { isDisturbed } from '#loadtest/chaos/fabric/member.ts'
import type { EventRecord, Records, Resending } from '#loadtest/chaos/load/records.ts'
import type { Webhook } from '#loadtest/chaos/load/webhooks.ts'
import { timeOf, verdict, type Check, type Evidence } from './verdict.ts'

const describe = ({ id, device, qos, sentAtMs }: EventRecord): string =>
  `${id} of ${device}, qos ${qos}, sent at ${timeOf(sentAtMs)}`

/** Each acknowledged event that one webhook wants and does not have. */
export function missingDeliveries({
  records,
  webhooks,
}: Pick<Evidence, 'records' | 'webhooks'>): { event: EventRecord; webhook: Webhook }[] {
  const sound = webhooks.filter(({ manner }) => manner === 'sound')
  return acknowledged(records).flatMap((event) =>
    sound
      .filter((webhook) => webhook.wants(event) && !webhook.deliveries.has(event.id))
      .map((webhook) => ({ event, webhook })),
  )
}

/** What was acknowledged before the end of the time in which all must come. */
export const acknowledged = ({ events, settledAtMs = Infinity }: Records): EventRecord[] =>
  [...events.values()].filter(({ acknowledgedAtMs = Infinity }) => acknowledgedAtMs < settledAtMs)

/** Design: from its acknowledgement on an event reaches every webhook that matches. */
export const acknowledgedArrive: Check = (evidence) => {
  const { records, webhooks } = evidence
  const events = acknowledged(records)
  const sound = webhooks.filter(({ manner }) => manner === 'sound')
  const wanted = events.reduce(
    (sum, event) => sum + sound.filter((webhook) => webhook.wants(event)).length,
    0,
  )
  const found = verdict(
    'an acknowledged event reaches every webhook',
    wanted,
    missingDeliveries(evidence),
    ({ event, webhook }) => `${describe(event)}, is not at ${webhook.name}`,
  )
  const again = webhooks
    .flatMap(({ deliveries }) => [...deliveries.values()])
    .filter(({ count }) => count > 1).length
  found.note = `${events.length} acknowledged, ${records.refusedEvents} refusals, ${again} deliveries came more than once`
  return found
}

/** With a killed Talaria an acknowledgement is lost, and the device sends the event again. */
const ENDS_THAT_LOSE: readonly Resending['why'][] = ['killed', 'lost', 'refused']

/**
 * Every retry of the fabric carries the same id; so does what is read when a Talaria ends in order,
 * unless nats-server is away and does not say that it has it.
 */
export const oneEventOneId: Check = ({ records, webhooks, members }) => {
  const nats = members.filter(({ role }) => role === 'nats')
  const isExcused = ({ event }: { event: EventRecord }): boolean =>
    event.resent.some(
      ({ why, atMs }) =>
        ENDS_THAT_LOSE.includes(why) ||
        nats.some((server) => isDisturbed(server, event.sentAtMs, atMs)),
    )
  const delivered = [...records.events.values()].map((event) => {
    const all = webhooks.flatMap(({ deliveries }) => [...(deliveries.get(event.id)?.ids ?? [])])
    return { event, ids: new Set(all) }
  })
  const doubled = delivered.filter(({ ids }) => ids.size > 1)
  const found = verdict(
    'one event has one id',
    delivered.filter(({ ids }) => ids.size > 0).length,
    doubled.filter((each) => !isExcused(each)),
    ({ event, ids }) =>
      `${describe(event)}, is stored as ${[...ids].join(' and ')}; sent again: ${event.resent.map(({ why }) => why).join(', ') || 'never'}`,
  )
  found.note = `${doubled.filter(isExcused).length} have two as their acknowledgement was lost with a killed process`
  return found
}

/** A webhook gets nothing that it did not ask for, and nothing that no device sent. */
export const onlyWhatMatches: Check = ({ records, webhooks }) => {
  const all = webhooks.flatMap((webhook) =>
    [...webhook.deliveries.keys()].map((id) => ({ id, webhook, event: records.events.get(id) })),
  )
  return verdict(
    'a webhook gets only what it asked for',
    all.length,
    all.filter(({ webhook, event }) => !event || !webhook.wants(event)),
    ({ id, webhook }) => `${id} came to ${webhook.name}`,
  )
}

/** On a connection that stays, an event that asks for it is acknowledged or refused within so long. */
const ANSWER_MS = 40_000

/** Every event that asks for an acknowledgement is answered while its connection stays open. */
export const eventsAnswered: Check = ({ records }) => {
  const asked = [...records.events.values()].filter(({ qos }) => qos >= 25)
  const unanswered = asked.filter(
    ({ acknowledgedAtMs, device, sentAtMs }) =>
      acknowledgedAtMs === undefined &&
      records.connections.some(
        (connection) =>
          connection.device === device &&
          (connection.closedAtMs ?? Infinity) - Math.max(sentAtMs, connection.openedAtMs) >
            ANSWER_MS,
      ),
  )
  return verdict('an event that asks for it is acknowledged', asked.length, unanswered, describe)
}

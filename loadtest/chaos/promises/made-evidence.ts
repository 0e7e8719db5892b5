/** Evidence as the tests of the checks make it: one thing of each kind, as it should be. */
import type { Member, MemberEvent, Role } from '#loadtest/chaos/fabric/member.ts'
import {
  createRecords,
  type CommandRecord,
  type Connection,
  type EventRecord,
} from '#loadtest/chaos/load/records.ts'
import type { Webhook } from '#loadtest/chaos/load/webhooks.ts'
import type { Session } from './presence.ts'
import type { Evidence } from './verdict.ts'

/** A process with this record. */
export const member = (name: string, role: Role, record: MemberEvent[]): Member => ({
  name,
  role,
  isUp: true,
  pid: 0,
  record,
  start: () => Promise.resolve(),
  kill: () => Promise.resolve(),
  end: () => Promise.resolve(),
  pause() {},
  resume() {},
})

/** A webhook that wants events of the type `wanted`, with these events and the ids that they came under. */
export const webhook = (deliveries: Record<string, string[]>): Webhook => ({
  name: 'webhook',
  id: '',
  manner: 'sound',
  member: member('webhook', 'receiver', []),
  deliveries: new Map(
    Object.entries(deliveries).map(([id, ids]) => [
      id,
      { ids: new Set(ids), count: ids.length, firstAtMs: 0 },
    ]),
  ),
  attempts: 0,
  wants: ({ type }) => type === 'wanted',
})

/** An event that was acknowledged. */
export const event = (fields: Partial<EventRecord> = {}): EventRecord => ({
  id: 'event',
  device: 'mac:1',
  type: 'wanted',
  qos: 50,
  sentAtMs: 1_000,
  resent: [],
  acknowledgedAtMs: 1_010,
  ...fields,
})

/** A command that was answered. */
export const command = (fields: Partial<CommandRecord> = {}): CommandRecord => ({
  transaction: 'command',
  device: 'mac:1',
  isMissing: false,
  scytale: 'scytale-1',
  sentAtMs: 1_000,
  answeredAtMs: 1_010,
  status: 200,
  isOwnAnswer: true,
  ...fields,
})

/** What there is to judge; the rest is empty. */
export interface Seen {
  events?: EventRecord[]
  commands?: CommandRecord[]
  connections?: Connection[]
  runs?: number
  webhooks?: Webhook[]
  members?: Member[]
  refusals?: string[]
  sessions?: Record<string, Session>
}

/** It, as a check is given it. */
export function evidence(seen: Seen): Evidence {
  const records = createRecords()
  for (const each of seen.events ?? []) records.events.set(each.id, each)
  for (const each of seen.commands ?? []) {
    records.commands.set(each.transaction, each)
    if (seen.runs) records.executions.set(each.transaction, seen.runs)
  }
  records.connections.push(...(seen.connections ?? []))
  return {
    records,
    webhooks: seen.webhooks ?? [],
    members: seen.members ?? [],
    refusals: seen.refusals ?? [],
    sessions: new Map(Object.entries(seen.sessions ?? {})),
  }
}

import { describe, expect, it } from 'vitest'
import type { Member, MemberEvent, Role } from '#loadtest/chaos/fabric/member.ts'
import {
  createRecords,
  type CommandRecord,
  type Connection,
  type EventRecord,
} from '#loadtest/chaos/load/records.ts'
import type { Webhook } from '#loadtest/chaos/load/webhooks.ts'
import {
  answeredRanOnce,
  deniedDidNotRun,
  missingIsDenied,
  noFalse404,
  noneLostByOrderlyEnds,
  noneRunsTwice,
  oneDefiniteAnswer,
} from './commands.ts'
import { acknowledgedArrive, eventsAnswered, oneEventOneId, onlyWhatMatches } from './events.ts'
import { sessionsToldOnce, type Session } from './presence.ts'
import { processesStay, rightsSuffice } from './processes.ts'
import type { Evidence } from './verdict.ts'

const member = (name: string, role: Role, record: MemberEvent[]): Member => ({
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

const webhook = (deliveries: Record<string, string[]>): Webhook => ({
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

const event = (fields: Partial<EventRecord> = {}): EventRecord => ({
  id: 'event',
  device: 'mac:1',
  type: 'wanted',
  qos: 50,
  sentAtMs: 1_000,
  resent: [],
  acknowledgedAtMs: 1_010,
  ...fields,
})

const command = (fields: Partial<CommandRecord> = {}): CommandRecord => ({
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

interface Seen {
  events?: EventRecord[]
  commands?: CommandRecord[]
  connections?: Connection[]
  runs?: number
  webhooks?: Webhook[]
  members?: Member[]
  refusals?: string[]
  sessions?: Record<string, Session>
}

function evidence(seen: Seen): Evidence {
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

describe('events', () => {
  it('one that was acknowledged and is not at a webhook that wants it is lost', () => {
    const at = (found: Record<string, string[]>, fields: Partial<EventRecord> = {}) =>
      acknowledgedArrive(evidence({ events: [event(fields)], webhooks: [webhook(found)] }))
    expect(at({})).toMatchObject({ counted: 1, broken: 1 })
    expect(at({}).examples[0]).toContain('event of mac:1')
    expect(at({ event: ['a'] })).toMatchObject({ counted: 1, broken: 0 })
    expect(at({}, { type: 'other' })).toMatchObject({ counted: 0, broken: 0 })
    expect(
      acknowledgedArrive(
        evidence({
          events: [{ ...event(), acknowledgedAtMs: undefined as never }],
          webhooks: [webhook({})],
        }),
      ),
    ).toMatchObject({ broken: 0 })
  })

  it('one that is acknowledged after the time to settle is not looked at', () => {
    const seen = evidence({ events: [event()], webhooks: [webhook({})] })
    seen.records.settledAtMs = 1_005
    expect(acknowledgedArrive(seen)).toMatchObject({ counted: 0, broken: 0 })
  })

  it('one under two ids is a fault, unless its acknowledgement was lost with a killed process', () => {
    const under = (ids: string[], resent: EventRecord['resent'], members: Member[] = []) =>
      oneEventOneId(
        evidence({ events: [event({ resent })], webhooks: [webhook({ event: ids })], members }),
      ).broken
    expect(under(['a', 'a'], [])).toBe(0)
    expect(under(['a', 'b'], [])).toBe(1)
    expect(under(['a', 'b'], [{ why: 'orderly', atMs: 2_000 }])).toBe(1)
    expect(under(['a', 'b'], [{ why: 'killed', atMs: 2_000 }])).toBe(0)
    const nats = member('nats-1', 'nats', [
      { what: 'killed', atMs: 1_500 },
      { what: 'started', atMs: 1_600 },
    ])
    expect(under(['a', 'b'], [{ why: 'orderly', atMs: 2_000 }], [nats])).toBe(0)
  })

  it('one that nobody sent, or asked for, does not come', () => {
    const broken = (events: EventRecord[]) =>
      onlyWhatMatches(evidence({ events, webhooks: [webhook({ event: ['a'] })] })).broken
    expect(broken([event()])).toBe(0)
    expect(broken([event({ type: 'other' })])).toBe(1)
    expect(broken([])).toBe(1)
  })

  it('one that is not answered while its connection stays is a fault', () => {
    const broken = (closedAtMs: number) =>
      eventsAnswered(
        evidence({
          events: [{ ...event(), acknowledgedAtMs: undefined as never }],
          connections: [{ device: 'mac:1', talaria: 't', openedAtMs: 0, closedAtMs }],
        }),
      ).broken
    expect(broken(100_000)).toBe(1)
    expect(broken(2_000)).toBe(0)
  })
})

describe('commands', () => {
  it('one that was denied must not run', () => {
    const broken = (fields: Partial<CommandRecord>, runs: number) =>
      deniedDidNotRun(evidence({ commands: [command(fields)], runs })).broken
    expect(broken({ status: 404 }, 1)).toBe(1)
    expect(broken({ status: 503, text: 'the request was not sent' }, 1)).toBe(1)
    expect(broken({ status: 503, text: 'it may have reached the device' }, 1)).toBe(0)
    expect(broken({ status: 404 }, 0)).toBe(0)
    expect(broken({ status: 504 }, 1)).toBe(0)
  })

  it('one that was answered ran once, and the answer is its own', () => {
    const broken = (fields: Partial<CommandRecord>, runs: number) =>
      answeredRanOnce(evidence({ commands: [command(fields)], runs })).broken
    expect(broken({}, 1)).toBe(0)
    expect(broken({}, 0)).toBe(1)
    expect(broken({}, 2)).toBe(1)
    expect(broken({ isOwnAnswer: false }, 1)).toBe(1)
  })

  it('none runs twice, whatever its caller was told', () => {
    expect(noneRunsTwice(evidence({ commands: [command({ status: 504 })], runs: 2 })).broken).toBe(
      1,
    )
    expect(noneRunsTwice(evidence({ commands: [command()], runs: 1 })).broken).toBe(0)
  })

  it('a 404 for a device that was connected before the request and after the answer is false', () => {
    const broken = (connection: Partial<Connection>) =>
      noFalse404(
        evidence({
          commands: [command({ status: 404 })],
          connections: [{ device: 'mac:1', talaria: 't', openedAtMs: 900, ...connection }],
        }),
      )
    expect(broken({}).broken).toBe(1)
    expect(broken({ openedAtMs: 1_005 }).broken).toBe(0)
    expect(broken({ closedAtMs: 1_005 }).broken).toBe(0)
    expect(broken({ closedAtMs: 1_050 })).toMatchObject({
      broken: 0,
      note: expect.stringMatching(/^1 more within/) as string,
    })
  })

  it('a close that this process noted late, as it stood still, is no false 404', () => {
    const seen = evidence({
      commands: [command({ status: 404 })],
      connections: [{ device: 'mac:1', talaria: 't', openedAtMs: 900, closedAtMs: 1_400 }],
    })
    expect(noFalse404(seen).broken).toBe(1)
    seen.records.stalls.push({ fromMs: 1_000, untilMs: 1_390 })
    expect(noFalse404(seen).broken).toBe(0)
  })

  it('only a Scytale that was killed may leave its caller without an answer', () => {
    const broken = (fields: Partial<CommandRecord>, members: Member[] = []) => {
      const asked = {
        ...command(fields),
        ...('failure' in fields && { status: undefined as never }),
      }
      return oneDefiniteAnswer(evidence({ commands: [asked], members })).broken
    }
    const killed = member('scytale-1', 'scytale', [{ what: 'killed', atMs: 1_005 }])
    const ended = member('scytale-1', 'scytale', [{ what: 'ending', atMs: 1_005 }])
    expect(broken({ failure: 'ECONNRESET' })).toBe(1)
    expect(broken({ failure: 'ECONNRESET' }, [ended])).toBe(1)
    expect(broken({ failure: 'ECONNRESET' }, [killed])).toBe(0)
    expect(broken({ failure: 'no answer' }, [killed])).toBe(1)
    expect(broken({ failure: 'ECONNREFUSED' })).toBe(0)
    expect(broken({ status: 500 })).toBe(1)
    expect(broken({ status: 404 })).toBe(0)
  })

  it('a device that never was is denied', () => {
    const broken = (status: number) =>
      missingIsDenied(evidence({ commands: [command({ status, isMissing: true })] })).broken
    expect([404, 503].map(broken)).toEqual([0, 0])
    expect([200, 504].map(broken)).toEqual([1, 1])
  })

  it('where every end is orderly no answer is lost', () => {
    const broken = (status: number) =>
      noneLostByOrderlyEnds(evidence({ commands: [command({ status })] })).broken
    expect([200, 404, 504].map(broken)).toEqual([0, 0, 1])
  })
})

describe('processes and presence', () => {
  it('a process that ends by itself, or not in order, is a fault', () => {
    const broken = (record: MemberEvent[]) =>
      processesStay(evidence({ members: [member('talaria-1', 'talaria', record)] })).broken
    expect(broken([{ what: 'killed', atMs: 0 }])).toBe(0)
    expect(broken([{ what: 'ended', atMs: 0, end: { code: 0, signal: null } }])).toBe(0)
    expect(broken([{ what: 'ended', atMs: 0, end: { code: 2, signal: null } }])).toBe(1)
    expect(broken([{ what: 'fell', atMs: 0, end: { code: 1, signal: null } }])).toBe(1)
    expect(rightsSuffice(evidence({ refusals: ['Publish Violation - x'] })).broken).toBe(1)
  })

  it('a session without exactly one online and one offline event is a fault', () => {
    const broken = (online: number, offline: number, connections: Connection[] = []) =>
      sessionsToldOnce(
        evidence({ sessions: { one: { device: 'mac:1', online, offline } }, connections }),
      ).broken
    expect(broken(1, 1)).toBe(0)
    expect(broken(1, 0)).toBe(1)
    expect(broken(1, 2)).toBe(1)
    expect(broken(0, 1)).toBe(1)
    const unheardOf = { device: 'mac:2', talaria: 't', openedAtMs: 0, session: 'two' }
    expect(broken(1, 1, [unheardOf])).toBe(1)
  })
})

import { describe, expect, it } from 'vitest'
import type { Member } from '#loadtest/chaos/fabric/member.ts'
import type { EventRecord } from '#loadtest/chaos/load/records.ts'
import { acknowledgedArrive, eventsAnswered, oneEventOneId, onlyWhatMatches } from './events.ts'
import { event, evidence, member, webhook } from './made-evidence.ts'

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

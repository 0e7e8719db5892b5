import { describe, expect, it } from 'vitest'
import type { MemberEvent } from '#loadtest/chaos/fabric/member.ts'
import type { Connection } from '#loadtest/chaos/load/records.ts'
import { evidence, member } from './made-evidence.ts'
import { sessionsToldOnce } from './presence.ts'
import { processesStay, rightsSuffice } from './processes.ts'

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

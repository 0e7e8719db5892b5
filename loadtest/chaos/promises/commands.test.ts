import { describe, expect, it } from 'vitest'
import type { Member } from '#loadtest/chaos/fabric/member.ts'
import type { CommandRecord, Connection } from '#loadtest/chaos/load/records.ts'
import {
  answeredRanOnce,
  deniedDidNotRun,
  missingIsDenied,
  noFalse404,
  noneLostByOrderlyEnds,
  noneRunsTwice,
  oneDefiniteAnswer,
} from './commands.ts'
import { command, evidence, member } from './made-evidence.ts'

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

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeAnnouncement, judgeTakeover, readAnnouncement } from './takeover.ts'

const session = (sessionId: string, connectedAtMs: number, ageMs: number) => ({
  sessionId,
  connectedAtMs,
  ageMs,
  talaria: 't',
})

describe('of two sessions of one device', () => {
  it('the clearly younger stays, whatever the clocks say', () => {
    expect(judgeTakeover(session('z', 9_000, 6_000), session('a', 1_000, 10))).toBe('theirs')
    expect(judgeTakeover(session('a', 1_000, 10), session('z', 9_000, 6_000))).toBe('mine')
  })

  it('an old one that is announced again does not close a newer one', () => {
    expect(judgeTakeover(session('b', 60_000, 20_000), session('a', 0, 80_000))).toBe('mine')
  })

  it('the greater stays where the ages are close', () => {
    expect(judgeTakeover(session('a', 2, 20), session('b', 1, 10))).toBe('mine')
    expect(judgeTakeover(session('a', 1, 20), session('b', 1, 10))).toBe('theirs')
  })

  it('at least one goes and never both stay, however long the announcements take', () => {
    const age = fc.integer({ min: 0, max: 20_000 })
    const one = fc.record({ id: fc.string({ minLength: 1, maxLength: 3 }), at: age, age })
    const delay = fc.integer({ min: 0, max: 2_000 })
    fc.assert(
      fc.property(one, one, delay, delay, (a, b, toA, toB) => {
        fc.pre(a.id !== b.id)
        const atA = judgeTakeover(session(a.id, a.at, a.age + toA), session(b.id, b.at, b.age))
        const atB = judgeTakeover(session(b.id, b.at, b.age + toB), session(a.id, a.at, a.age))
        expect([atA, atB]).not.toEqual(['mine', 'mine'])
      }),
    )
  })

  it('the same is no other', () => {
    expect(judgeTakeover(session('a', 1, 90_000), session('a', 1, 0))).toBe('same')
  })
})

describe('an announcement', () => {
  it('is read as it was written, and one without an age has just begun', () => {
    const written = session('a', 1, 2)
    expect(readAnnouncement(encodeAnnouncement(written))).toEqual(written)
    const { ageMs: _, ...without } = written
    const bytes = new TextEncoder().encode(JSON.stringify(without))
    expect(readAnnouncement(bytes)?.ageMs).toBe(0)
  })

  it('that is anything else is none', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(readAnnouncement(bytes)).toBeUndefined()
      }),
    )
  })
})

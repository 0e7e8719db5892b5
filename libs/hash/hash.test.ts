import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { murmur3 } from './murmur3.ts'
import { ownerOf, type Member } from './rendezvous.ts'

const keys = Array.from(
  { length: 6_000 },
  (_, index) => `mac:${index.toString(16).padStart(12, '0')}`,
)
const members = (count: number): Member[] =>
  Array.from({ length: count }, (_, index) => ({ id: `talaria-${index}`, weight: 1 }))

describe('murmur3', () => {
  it.each([
    ['', 0],
    ['a', 0x3c2569b2],
    ['abc', 0xb3dd93fa],
    ['hello', 0x248bfa47],
    ['hello, world', 0x149bbb7f],
    ['The quick brown fox jumps over the lazy dog', 0x2e4ff723],
  ])('of "%s" is the published value', (text, wanted) => {
    expect(murmur3(text)).toBe(wanted)
  })
})

describe('the owner of a key', () => {
  it('is undefined without members', () => {
    expect(ownerOf('mac:112233445566', [])).toBeUndefined()
  })

  it('does not depend on the order of the members', () => {
    fc.assert(
      fc.property(fc.string(), fc.shuffledSubarray(members(9), { minLength: 2 }), (key, some) => {
        expect(ownerOf(key, some)).toBe(ownerOf(key, some.toReversed()))
      }),
    )
  })

  it('is spread over equal members within a tenth', () => {
    const counts = countBy(keys, members(5))
    for (const count of counts.values()) expect(Math.abs(count / 1_200 - 1)).toBeLessThan(0.1)
  })

  it('is spread by weight', () => {
    const counts = countBy(keys, [
      { id: 'small', weight: 1 },
      { id: 'large', weight: 3 },
    ])
    expect((counts.get('large') ?? 0) / keys.length).toBeCloseTo(0.75, 1)
  })

  it('changes only for the keys of a member that left', () => {
    const before = members(5)
    const after = before.filter(({ id }) => id !== 'talaria-2')
    for (const key of keys) {
      const owner = ownerOf(key, before)
      if (owner !== 'talaria-2') expect(ownerOf(key, after)).toBe(owner)
    }
  })
})

function countBy(all: string[], among: Member[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const key of all) {
    const owner = ownerOf(key, among) ?? ''
    counts.set(owner, (counts.get(owner) ?? 0) + 1)
  }
  return counts
}

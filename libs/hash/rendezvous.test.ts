import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { halvesOf, scatter } from './halves.ts'
import { createOwners, ownerOf, type Member } from './rendezvous.ts'

/** Ids as they are: one after the other from one maker. */
const KEYS = Array.from(
  { length: 60_000 },
  (_, index) => `mac:${(0x14cfe2000000 + index).toString(16)}`,
)

const members = (count: number): Member[] =>
  Array.from({ length: count }, (_, index) => ({ id: `talaria-${index}`, weight: 1 }))

/** Ids that have nothing to do with each other, and weights from 1 to 16. */
const someMembers = fc.uniqueArray(
  fc.record({ id: fc.string({ minLength: 1 }), weight: fc.integer({ min: 1, max: 16 }) }),
  { selector: ({ id }) => id, minLength: 1, maxLength: 12 },
)

/** How many of `keys` each member owns, in the order of the members. */
function sharesOf(keys: readonly string[], among: readonly Member[]): number[] {
  const counts = new Map<string | undefined, number>()
  const find = createOwners(among)
  for (const key of keys) counts.set(find(key), (counts.get(find(key)) ?? 0) + 1)
  return among.map(({ id }) => counts.get(id) ?? 0)
}

/**
 * Pearson's chi-square of counts against weights, as the number of standard deviations from what chance
 * gives (Wilson and Hilferty): over 4 is once in 30,000.
 */
function surpriseOf(counts: readonly number[], weights: readonly number[]): number {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  const chiSquare = sum(
    counts.map((count, index) => {
      const wanted = (sum(counts) * (weights[index] ?? 0)) / sum(weights)
      return (count - wanted) ** 2 / wanted
    }),
  )
  const freedom = counts.length - 1
  const part = 2 / (9 * freedom)
  return (Math.cbrt(chiSquare / freedom) - (1 - part)) / Math.sqrt(part)
}

describe('the owner of a key', () => {
  it('is undefined without members', () => {
    expect(ownerOf('mac:112233445566', [])).toBeUndefined()
  })

  it('is always the same: a device stays where it is when the fabric is updated', () => {
    const find = createOwners(members(5))
    const ids = ['mac:112233445566', 'uuid:5cc3ee0f', 'serial:1', 'sessions/talaria-9', '', 'ü😀']
    expect(ids.map(find)).toEqual([
      'talaria-0',
      'talaria-3',
      'talaria-3',
      'talaria-4',
      'talaria-2',
      'talaria-3',
    ])
  })

  it('does not depend on the order of the members', () => {
    fc.assert(
      fc.property(fc.string(), someMembers, (key, some) => {
        expect(ownerOf(key, some)).toBe(ownerOf(key, some.toReversed()))
      }),
    )
  })

  it('is the member with the highest score, also where a score is not worked out', () => {
    fc.assert(
      fc.property(fc.string(), someMembers, (key, some) => {
        const owner = ownerOf(key, some)
        for (const other of some) {
          if (other.id === owner) continue
          const both = some.filter(({ id }) => id === owner || id === other.id)
          expect(ownerOf(key, both)).toBe(owner)
        }
      }),
    )
  })

  it.each([2, 3, 5, 30, 100])('is spread evenly over %i members', (count) => {
    const weights = members(count).map(({ weight }) => weight)
    expect(surpriseOf(sharesOf(KEYS, members(count)), weights)).toBeLessThan(4)
  })

  it.each([
    [[1, 3]],
    [[1, 1, 2, 4, 8]],
    [[0.5, 0.25, 100]],
    [Array.from({ length: 60 }, (_, index) => 1 + (index % 5))],
  ])('is spread by the weights %j', (weights) => {
    const among = weights.map((weight, index) => ({ id: `10.0.0.${index}`, weight }))
    expect(surpriseOf(sharesOf(KEYS, among), weights)).toBeLessThan(4)
  })

  it('is spread evenly over those that are left, for the keys of each that goes', () => {
    const all = members(12)
    const find = createOwners(all)
    for (const gone of all) {
      const keys = KEYS.filter((key) => find(key) === gone.id)
      const left = all.filter(({ id }) => id !== gone.id)
      const weights = left.map(({ weight }) => weight)
      expect(surpriseOf(sharesOf(keys, left), weights)).toBeLessThan(4)
    }
  })

  it('is not told by the owners of its neighbours', () => {
    const find = createOwners(members(4))
    const pairs = new Map<string, number>()
    for (let index = 1; index < KEYS.length; index += 1) {
      const pair = `${find(KEYS[index - 1] ?? '')} ${find(KEYS[index] ?? '')}`
      pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
    }
    const counts = [...pairs.values()]
    expect(counts).toHaveLength(16)
    expect(surpriseOf(counts, Array(16).fill(1))).toBeLessThan(4)
  })

  it('changes only for the keys of a member that goes', () => {
    fc.assert(
      fc.property(someMembers, fc.nat(), fc.array(fc.string()), (before, which, keys) => {
        const gone = before[which % before.length]
        const after = before.filter((member) => member !== gone)
        for (const key of keys) {
          const owner = ownerOf(key, before)
          if (owner !== gone?.id) expect(ownerOf(key, after)).toBe(owner)
        }
      }),
    )
  })

  it('changes only to a member that comes', () => {
    fc.assert(
      fc.property(someMembers, fc.array(fc.string()), ([came, ...before], keys) => {
        for (const key of keys) {
          const owner = ownerOf(key, before)
          const now = ownerOf(key, came ? [...before, came] : before)
          if (now !== came?.id) expect(now).toBe(owner)
        }
      }),
    )
  })

  it('changes only to a member whose weight grows, and by its share', () => {
    const before = members(10)
    const after = before.map((member) =>
      member.id === 'talaria-3' ? { ...member, weight: 2 } : member,
    )
    const [was, is] = [createOwners(before), createOwners(after)]
    const moved = KEYS.filter((key) => was(key) !== is(key))
    expect(moved.every((key) => is(key) === 'talaria-3')).toBe(true)
    expect(moved.length / KEYS.length).toBeCloseTo(2 / 11 - 1 / 10, 2)
  })
})

describe('the halves of a text', () => {
  it('are never both those of another', () => {
    const seen = new Set(KEYS.map((key) => Object.values(halvesOf(key)).join()))
    for (const key of ['', '\0', '\0\0', 'a', 'a\0', '\u{1f600}', '\ud83d']) {
      seen.add(Object.values(halvesOf(key)).join())
    }
    expect(seen.size).toBe(KEYS.length + 7)
  })

  it('change by about half of their bits when one bit of the text does', () => {
    const differing = (a: number, b: number) => ((a ^ b) >>> 0).toString(2).split('1').length - 1
    let count = 0
    for (const key of KEYS.slice(0, 1_000)) {
      const one = halvesOf(key)
      const other = halvesOf(`${key.slice(0, -1)}${String.fromCharCode(key.charCodeAt(15) ^ 1)}`)
      count += differing(one.high, other.high) + differing(one.low, other.low)
    }
    expect(count / 1_000).toBeGreaterThan(31)
    expect(count / 1_000).toBeLessThan(33)
  })

  it('are scattered without a loss', () => {
    expect(new Set(KEYS.map((_, index) => scatter(index))).size).toBe(KEYS.length)
  })
})

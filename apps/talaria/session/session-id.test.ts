import { describe, expect, it } from 'vitest'
import { createSessionId } from './session-id.ts'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The number that an id writes down. */
const numberOf = (id: string): bigint =>
  Array.from(id).reduce((sum, digit) => sum * 62n + BigInt(DIGITS.indexOf(digit)), 0n)

describe('a session id', () => {
  it('is 27 letters and digits, of which the first 32 bits are the second that it began in', () => {
    for (const nowMs of [1_400_000_000_000, 1_700_000_000_999, 5_694_967_295_000]) {
      const id = createSessionId(nowMs)
      expect(id).toMatch(/^[0-9A-Za-z]{27}$/)
      expect(Number(numberOf(id) >> 128n)).toBe(Math.floor(nowMs / 1_000) - 1_400_000_000)
    }
  })

  it('has 128 bits that are random, and none comes twice', () => {
    const ids = Array.from({ length: 1_000 }, () => createSessionId(1_700_000_000_000))
    expect(new Set(ids).size).toBe(ids.length)
    const random = ids.map((id) => numberOf(id) % 2n ** 128n)
    for (let bit = 0n; bit < 128n; bit += 1n) {
      const count = random.filter((value) => (value >> bit) % 2n === 1n).length
      // 500 on average; so far off comes once in some billion of runs.
      expect(count).toBeGreaterThan(350)
      expect(count).toBeLessThan(650)
    }
  })

  it('sorts by the second that it was made in', () => {
    const [earlier, later] = [
      createSessionId(1_700_000_000_000),
      createSessionId(1_700_000_001_000),
    ]
    expect([later, earlier].toSorted()).toEqual([earlier, later])
  })
})

import { describe, expect, it } from 'vitest'
import { murmur3 } from './murmur3.ts'

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

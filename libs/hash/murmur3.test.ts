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

  // By another implementation, in Python, over the text's UTF-8; some of them too long for what is kept.
  it.each([
    ['mac:112233445566', 0xc6d1d8a7],
    ['ä', 0x7e32d1d4],
    ['日本語', 0xa5a47297],
    ['😀x', 0x721ce13e],
    ['x'.repeat(1_024), 0x31c89c43],
    ['x'.repeat(1_025), 0xcbef8242],
    ['ä'.repeat(1_024), 0xfd2fd8e7],
    ['ä'.repeat(1_025), 0x56a263f1],
  ])('is over UTF-8, however long the text: %s', (text, wanted) => {
    expect(murmur3(text)).toBe(wanted)
    expect(murmur3('a')).toBe(0x3c2569b2)
  })
})

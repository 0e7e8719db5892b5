/** The id of one session: a KSUID, as upstream's is, so that ids sort by the second they began in. */
import { randomFillSync } from 'node:crypto'

/** KSUID counts seconds from here: 2014-05-13T16:53:20Z. */
const EPOCH_SECONDS = 1_400_000_000

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** 20 bytes in base 62, with leading zeros. */
const LENGTH = 27

/** After the second, 128 random bits. */
const RANDOM_WORDS = 4

/** Random bits are fetched for many ids at once: to ask for those of one takes as long. */
const pool = new Uint32Array(RANDOM_WORDS * 256)
let taken = pool.length

/** A new id of 27 letters and digits. */
export function createSessionId(nowMs = Date.now()): string {
  if (taken === pool.length) {
    randomFillSync(pool)
    taken = 0
  }
  const random = pool.subarray(taken, (taken += RANDOM_WORDS))
  return inBase62([Math.floor(nowMs / 1_000) - EPOCH_SECONDS, ...random])
}

/** The number that these 32-bit words are, the highest first. Divides them; a BigInt takes ten times as long. */
function inBase62(words: number[]): string {
  let text = ''
  while (text.length < LENGTH) {
    let rest = 0
    for (const [index, word] of words.entries()) {
      const value = rest * 2 ** 32 + (word >>> 0)
      words[index] = Math.floor(value / 62)
      rest = value % 62
    }
    text = (ALPHABET[rest] ?? '0') + text
  }
  return text
}

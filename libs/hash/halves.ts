/** 64 bits of a text as two numbers of 32: JavaScript has no fast number of 64. For placement, never for security. */

/** Two hashes that have nothing to do with each other. */
export interface Halves {
  readonly high: number
  readonly low: number
}

/**
 * MurmurHash3's steps over the UTF-16 units of `text`, two at a time, for both halves in one walk; each
 * half has multipliers of its own, so that what is equal in one is not equal in the other.
 */
export function halvesOf(text: string): Halves {
  let high = 0
  let low = text.length
  for (let index = 0; index < text.length; index += 2) {
    // Behind the end the unit is NaN, which counts as 0; the length tells the two apart.
    const block = text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16)
    high ^= Math.imul(rotate(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593)
    high = (Math.imul(rotate(high, 13), 5) + 0xe6546b64) | 0
    low ^= Math.imul(rotate(Math.imul(block, 0x239b961b), 16), 0xab0e9789)
    low = (Math.imul(rotate(low, 17), 5) + 0x561ccd1b) | 0
  }
  return { high: scatter(high ^ text.length), low: scatter(low) }
}

/**
 * Mixes 32 bits so that each bit of the result depends on each bit of `half`; different inputs give
 * different results. The finalizer of MurmurHash3.
 */
export function scatter(half: number): number {
  const once = Math.imul(half ^ (half >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return twice ^ (twice >>> 16)
}

const rotate = (block: number, by: number): number => (block << by) | (block >>> (32 - by))

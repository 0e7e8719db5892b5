/** MurmurHash3: fast, spreads well, is no secret. For placement, never for security. */

const encoder = new TextEncoder()

/** A character is three bytes at most for each of its units; longer texts get bytes of their own. */
const SCRATCH_BYTES = 3 * 1_024

/** Used again and again: each event's subject needs a hash, and new bytes take five times as long. */
const scratch = new Uint8Array(SCRATCH_BYTES)

/** MurmurHash3 x86 32-bit with seed 0 over the UTF-8 bytes of `text`; an unsigned 32-bit number. */
export function murmur3(text: string): number {
  if (text.length * 3 <= SCRATCH_BYTES) {
    return hashOf(scratch, encoder.encodeInto(text, scratch).written)
  }
  const bytes = encoder.encode(text)
  return hashOf(bytes, bytes.length)
}

function hashOf(bytes: Uint8Array, length: number): number {
  const at = (index: number): number => bytes[index] ?? 0
  const wholeBytes = length & ~3
  let hash = 0
  for (let index = 0; index < wholeBytes; index += 4) {
    // Little-endian.
    const low = at(index) | (at(index + 1) << 8)
    const high = at(index + 2) | (at(index + 3) << 8)
    hash ^= scramble(low | (high << 16))
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
  }
  let rest = 0
  for (let index = length - 1; index >= wholeBytes; index -= 1) rest = (rest << 8) | at(index)
  if (length > wholeBytes) hash ^= scramble(rest)
  return finish(hash ^ length)
}

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}

/** The finaliser: every bit of the input reaches every bit of the result. */
function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

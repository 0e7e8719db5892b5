/** MurmurHash3: fast, spreads well, is no secret. For placement, never for security. */

const encoder = new TextEncoder()

/** MurmurHash3 x86 32-bit with seed 0 over the UTF-8 bytes of `text`; an unsigned 32-bit number. */
export function murmur3(text: string): number {
  const bytes = encoder.encode(text)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const wholeBytes = bytes.length & ~3
  let hash = 0
  for (let index = 0; index < wholeBytes; index += 4) {
    hash ^= scramble(view.getUint32(index, true))
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
  }
  let rest = 0
  for (let index = bytes.length - 1; index >= wholeBytes; index -= 1) {
    rest = (rest << 8) | (bytes[index] ?? 0)
  }
  if (bytes.length > wholeBytes) hash ^= scramble(rest)
  return finish(hash ^ bytes.length)
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

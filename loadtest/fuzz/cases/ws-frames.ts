/** Frames of a websocket written by hand (RFC 6455 §5.2), with what no peer may send. */

type Random = (below: number) => number

const OPCODES = [0, 1, 2, 2, 2, 3, 7, 8, 9, 10, 15]

/** One to four frames as bytes: fragments, control frames in between, lengths that lie, no mask. */
export function hostileFrames(
  payload: Uint8Array,
  random: Random,
  { isServer = false }: { isServer?: boolean } = {},
): Buffer {
  if (random(4) === 0) return fragments(payload, 1 + random(40), !isServer)
  return Buffer.concat(
    Array.from({ length: 1 + random(4) }, () => {
      const opcode = OPCODES[random(OPCODES.length)] ?? 2
      const cut = random(3) === 0 ? payload : payload.subarray(0, random(126))
      return frame(cut, {
        opcode,
        isLast: random(5) > 0,
        reserved: random(8) === 0 ? random(8) : 0,
        isMasked: random(10) > 0 !== isServer,
        claimed: random(8) === 0 ? [2 ** 63, 2 ** 32, 1_000_001, 126, 0][random(5)] : undefined,
      })
    }),
  )
}

/** One message in `count` pieces, with a ping between them, or before the only one. */
function fragments(payload: Uint8Array, count: number, isMasked: boolean): Buffer {
  const size = Math.ceil(payload.length / count)
  const frames = Array.from({ length: count }, (_, at) =>
    frame(payload.subarray(at * size, (at + 1) * size), {
      opcode: at === 0 ? 2 : 0,
      isLast: at === count - 1,
      isMasked,
    }),
  )
  frames.splice(count >> 1, 0, frame(Buffer.from('ping'), { opcode: 9, isMasked }))
  return Buffer.concat(frames)
}

interface FrameParts {
  opcode: number
  isLast?: boolean
  /** The three bits that nobody may set. */
  reserved?: number
  /** As a client must, and a server must not. */
  isMasked: boolean
  /** A length that is not the payload's. */
  claimed?: number | undefined
}

function frame(
  payload: Uint8Array,
  { opcode, isLast = true, reserved = 0, isMasked, claimed }: FrameParts,
): Buffer {
  const length = claimed ?? payload.length
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  head[0] = (isLast ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] = (isMasked ? 0x80 : 0) | (head.length === 2 ? length : head.length === 4 ? 126 : 127)
  if (head.length === 4) head.writeUInt16BE(length, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2)
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([head, Buffer.alloc(isMasked ? 4 : 0), payload])
}

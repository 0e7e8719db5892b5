/**
 * The bytes of the scalability protocols' pipeline over TCP, as local services of Parodus speak it:
 * a hello of eight bytes each way, then length and payload of each message. parodus.md §4.2.
 */

/** The two ends of a pipeline, with the numbers that their hello carries. */
export const ROLE = { push: 0x50, pull: 0x51 } as const
export type Role = keyof typeof ROLE

/** The hello's length in bytes. */
export const HELLO_BYTES = 8

/** The length in front of each message, in bytes. */
const LENGTH_BYTES = 8

/** nanomsg's own limit for a received message: a larger one ends the link. */
export const MESSAGE_BYTES_MAX = 1024 * 1024

/** The peer says something that is not the protocol, or too much; the link cannot go on. */
export class SpError extends Error {
  override readonly name = 'SpError'
  readonly code: 'HELLO_INVALID' | 'MESSAGE_TOO_LARGE'

  constructor(code: SpError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** What `role` says first. */
export function hello(role: Role): Uint8Array {
  return Uint8Array.of(0, 0x53, 0x50, 0, 0, ROLE[role], 0, 0)
}

/** The head in front of a message of `length` bytes. */
export function messageHead(length: number): Uint8Array {
  const head = Buffer.alloc(LENGTH_BYTES)
  head.writeBigUInt64BE(BigInt(length))
  return head
}

/** Takes a link's bytes in whatever pieces they come. */
export interface Reader {
  /** @throws {SpError} after which nothing more may be given. */
  read(chunk: Uint8Array): void
}

/** What {@link createReader} needs. */
export interface ReaderOptions {
  /** What this end is; the peer must be the other. */
  role: Role
  messageBytesMax?: number
  onHello?: () => void
  onMessage: (bytes: Uint8Array) => void
}

/** A reader of one link. It keeps one unfinished message at most. */
export function createReader(options: ReaderOptions): Reader {
  const { role, messageBytesMax = MESSAGE_BYTES_MAX, onHello, onMessage } = options
  const wanted = Buffer.from(hello(role === 'pull' ? 'push' : 'pull'))
  let chunks: Uint8Array[] = []
  let bytes = 0
  let needed = HELLO_BYTES
  let state: 'hello' | 'length' | 'message' = 'hello'

  const step = (part: Buffer): void => {
    if (state === 'hello') {
      // The last two bytes are reserved: whatever they hold is no reason to refuse.
      if (!part.subarray(0, 6).equals(wanted.subarray(0, 6))) {
        throw new SpError('HELLO_INVALID', 'the peer is no end of a pipeline')
      }
      onHello?.()
      state = 'length'
      needed = LENGTH_BYTES
    } else if (state === 'length') {
      const length = part.readBigUInt64BE()
      if (length > BigInt(messageBytesMax)) {
        throw new SpError(
          'MESSAGE_TOO_LARGE',
          `a message of ${length} bytes is over ${messageBytesMax}`,
        )
      }
      state = 'message'
      needed = Number(length)
    } else {
      state = 'length'
      needed = LENGTH_BYTES
      onMessage(new Uint8Array(part))
    }
  }
  return {
    read(chunk) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes < needed) return
      let rest = Buffer.concat(chunks)
      while (rest.length >= needed) {
        const part = rest.subarray(0, needed)
        rest = rest.subarray(needed)
        step(part)
      }
      chunks = [rest]
      bytes = rest.length
    },
  }
}

/**
 * Reads msgpack values one after the other from bytes that nobody vouches for. It never recurses,
 * never allocates by a count that the bytes only claim, and never reads past the end.
 */
import { isUtf8 } from 'node:buffer'
import { WrpError } from '#libs/wrp/error.ts'

/** What {@link Cursor.readInteger} gives beside a number, for what no number can hold exactly. */
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER)
const SAFE_MIN = BigInt(Number.MIN_SAFE_INTEGER)

/** What `toString('utf8')` ends in, without its way there: a third of decoding's time. Untyped. */
const { utf8Slice } = Buffer.prototype as unknown as {
  utf8Slice: (this: Buffer, start: number, end: number) => string
}

const INT64_MAX = 2n ** 63n - 1n

/** A position in bytes, moved by reading. */
export class Cursor {
  position = 0
  /** A string was read whose bytes are no UTF-8; it has replacement characters in their place. */
  hasInvalidUtf8 = false
  readonly #bytes: Buffer

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.#bytes.length - this.position
  }

  /** The header of a map: how many pairs follow. */
  readMapCount(): number {
    const head = this.#head()
    if (head >= 0x80 && head <= 0x8f) return this.#count(head & 0x0f, 2)
    if (head === 0xde) return this.#count(this.#uint(2), 2)
    if (head === 0xdf) return this.#count(this.#uint(4), 2)
    throw new WrpError('NOT_A_MAP', `a map was expected, not the byte ${hex(head)}`)
  }

  /** The header of an array, undefined for any other value, which is then not read. */
  readArrayCount(): number | undefined {
    const head = this.#peek()
    if (head >= 0x90 && head <= 0x9f) {
      this.position += 1
      return this.#count(head & 0x0f, 1)
    }
    if (head !== 0xdc && head !== 0xdd) return undefined
    this.position += 1
    return this.#count(this.#uint(head === 0xdc ? 2 : 4), 1)
  }

  /** Whether the next value is a map; it is not read. */
  isMap(): boolean {
    const head = this.#peek()
    return (head >= 0x80 && head <= 0x8f) || head === 0xde || head === 0xdf
  }

  /** Reads a nil, if it is the next value. */
  readNil(): boolean {
    if (this.#peek() !== 0xc0) return false
    this.position += 1
    return true
  }

  readBoolean(): boolean | undefined {
    const head = this.#peek()
    if (head !== 0xc2 && head !== 0xc3) return undefined
    this.position += 1
    return head === 0xc3
  }

  /** A str or bin as text; undefined for any other value, which is then not read. */
  readText(): string | undefined {
    const length = this.#lengthOfBytes()
    if (length === undefined) return undefined
    const start = this.#take(length)
    const bytes = this.#bytes
    const text = utf8Slice.call(bytes, start, start + length)
    if (text.includes('\uFFFD') && !isUtf8(bytes.subarray(start, start + length))) {
      this.hasInvalidUtf8 = true
    }
    return text
  }

  /** A str or bin as bytes, a view on the input; undefined for any other value. */
  readBytes(): Uint8Array | undefined {
    const length = this.#lengthOfBytes()
    if (length === undefined) return undefined
    const start = this.#take(length)
    const { buffer, byteOffset } = this.#bytes
    return new Uint8Array(buffer, byteOffset + start, length)
  }

  /**
   * Where the next str or bin begins and how long it is, without making anything of it; undefined
   * for any other value. The position is then behind it.
   */
  readSpan(): number | undefined {
    const length = this.#lengthOfBytes()
    if (length !== undefined) this.#take(length)
    return length
  }

  byteAt(index: number): number {
    return this.#bytes[index] ?? 0
  }

  /** A whole number of any width; undefined for any other value (a float too), not read then. */
  readInteger(): number | bigint | undefined {
    const head = this.#peek()
    if (head <= 0x7f) return this.#small(head)
    if (head >= 0xe0) return this.#small(head - 0x100)
    if (head < 0xcc || head > 0xd3) return undefined
    this.position += 1
    const width = 1 << ((head - 0xcc) & 3)
    const start = this.#take(width)
    const isSigned = head >= 0xd0
    if (width < 8) {
      return isSigned ? this.#bytes.readIntBE(start, width) : this.#bytes.readUIntBE(start, width)
    }
    const wide = isSigned ? this.#bytes.readBigInt64BE(start) : this.#bytes.readBigUInt64BE(start)
    if (wide > INT64_MAX) {
      throw new WrpError('NUMBER_OUT_OF_RANGE', `${wide} is over the largest int64`)
    }
    return wide >= SAFE_MIN && wide <= SAFE_MAX ? Number(wide) : wide
  }

  /**
   * Passes over the next value, however deeply nested, in one loop; says how many values it was.
   * @throws {WrpError} TOO_MANY_ENTRIES for more than `valuesMax`.
   */
  skip(valuesMax: number): number {
    let owed = 1
    let count = 0
    while (owed > 0) {
      count += 1
      if (count > valuesMax) {
        throw new WrpError('TOO_MANY_ENTRIES', 'unknown fields hold too many values', { rdr: 4 })
      }
      owed += this.#skipOne() - 1
      // Each value is a byte at least: more than that many cannot follow.
      if (owed > this.remaining) throw truncated()
    }
    return count
  }

  /** Passes over one value's head and bytes; says how many values are inside it. */
  #skipOne(): number {
    const head = this.#peek()
    if (this.readSpan() !== undefined) return 0
    const elements = this.readArrayCount()
    if (elements !== undefined) return elements
    if (this.isMap()) return 2 * this.readMapCount()
    this.position += 1
    if (head <= 0x7f || head >= 0xe0 || head === 0xc0 || head === 0xc2 || head === 0xc3) return 0
    this.#take(this.#skippedBytes(head))
    return 0
  }

  #skippedBytes(head: number): number {
    // Extensions: a length, then a byte for the type.
    if (head >= 0xc7 && head <= 0xc9) return this.#uint(1 << (head - 0xc7)) + 1
    if (head === 0xca || head === 0xcb) return head === 0xca ? 4 : 8
    if (head >= 0xcc && head <= 0xd3) return 1 << ((head - 0xcc) & 3)
    if (head >= 0xd4 && head <= 0xd8) return (1 << (head - 0xd4)) + 1
    throw new WrpError('MALFORMED', `the byte ${hex(head)} begins no msgpack value`)
  }

  /** The length in the head of a str or bin, which is then read; undefined for another value. */
  #lengthOfBytes(): number | undefined {
    const head = this.#peek()
    if (head >= 0xa0 && head <= 0xbf) {
      this.position += 1
      return head & 0x1f
    }
    const width = LENGTH_WIDTHS[head]
    if (width === undefined) return undefined
    this.position += 1
    return this.#uint(width)
  }

  #small(value: number): number {
    this.position += 1
    return value
  }

  #uint(width: number): number {
    return this.#bytes.readUIntBE(this.#take(width), width)
  }

  #head(): number {
    const head = this.#peek()
    this.position += 1
    return head
  }

  #peek(): number {
    const head = this.#bytes[this.position]
    if (head === undefined) throw truncated()
    return head
  }

  #take(length: number): number {
    const start = this.position
    if (length > this.#bytes.length - start) throw truncated()
    this.position = start + length
    return start
  }

  #count(count: number, valuesEach: number): number {
    if (count * valuesEach > this.remaining) throw truncated()
    return count
  }
}

/** Bytes of the length after each head of a str or bin: bin8 to bin32, str8 to str32. */
const LENGTH_WIDTHS: Readonly<Record<number, number>> = {
  0xc4: 1,
  0xc5: 2,
  0xc6: 4,
  0xd9: 1,
  0xda: 2,
  0xdb: 4,
}

const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`

const truncated = (): WrpError => new WrpError('TRUNCATED', 'the bytes end before the message does')

/** Writes msgpack values one after the other into one buffer that is used again and again. */
import { WrpError } from '#libs/wrp/error.ts'
import type { WrpInteger } from '#libs/wrp/message.ts'

/** Nearly every message fits; a larger one gets a buffer of its own. */
const SCRATCH_BYTES = 64 * 1024

/** The longest head of a value: its byte and a length of four or a number of eight. */
const HEAD_BYTES_MAX = 9

/** Room for the widest head of the map around all, which is known only at the end. */
const MAP_HEAD_BYTES = 3

/** Up to this length a loop in JavaScript is faster than the two calls into Node. */
const SHORT_TEXT_LENGTH = 48

const scratch = Buffer.from(new ArrayBuffer(SCRATCH_BYTES))

/** A position in a buffer, moved by writing. Only one is in use at a time. */
export class Writer {
  #position = 0
  #buffer: Buffer = scratch

  /** Begins the map around all; what is written next are its keys and values. */
  beginMap(): void {
    this.#position = MAP_HEAD_BYTES
  }

  /**
   * The map around all, of `count` pairs, as bytes of its own. Small ones are parts of Node's pool of
   * 8 KiB, as an `ArrayBuffer` for each takes five times as long, most of it to collect them.
   */
  endMap(count: number): Uint8Array {
    const buffer = this.#buffer
    let start = MAP_HEAD_BYTES - 1
    if (count < 16) buffer[start] = 0x80 | count
    else {
      start = 0
      buffer[0] = 0xde
      buffer[1] = count >> 8
      buffer[2] = count & 0xff
    }
    const part = Buffer.allocUnsafe(this.#position - start)
    buffer.copy(part, 0, start, this.#position)
    // Not the Buffer: its `slice` gives a view where that of a Uint8Array copies.
    return new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
  }

  /** A key that is msgpack already. */
  key(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    const buffer = this.#buffer
    const position = this.#position
    for (let index = 0; index < bytes.length; index += 1) {
      buffer[position + index] = bytes[index] ?? 0
    }
    this.#position = position + bytes.length
  }

  /** A str. */
  text(text: string): void {
    const { length } = text
    if (length <= SHORT_TEXT_LENGTH && this.#shortAscii(text, length)) return
    const byteLength = Buffer.byteLength(text)
    this.#reserve(byteLength + HEAD_BYTES_MAX)
    if (byteLength < 32) this.#byte(0xa0 | byteLength)
    else this.#sized(0xd9, byteLength)
    this.#position += this.#buffer.write(text, this.#position, byteLength, 'utf8')
  }

  /** A bin. */
  binary(bytes: Uint8Array): void {
    this.#reserve(bytes.length + HEAD_BYTES_MAX)
    this.#sized(0xc4, bytes.length)
    this.#buffer.set(bytes, this.#position)
    this.#position += bytes.length
  }

  /** The head of a map or an array, minimal: genuine Parodus corrupts a map16 (wrp.md §7). */
  count(kind: 'map' | 'array', count: number): void {
    this.#reserve(HEAD_BYTES_MAX)
    if (count < 16) return this.#byte((kind === 'map' ? 0x80 : 0x90) | count)
    const wide = kind === 'map' ? 0xde : 0xdc
    if (count < 2 ** 16) return this.#headed(wide, count, 2)
    this.#headed(wide + 1, count, 4)
  }

  boolean(value: boolean): void {
    this.#reserve(1)
    this.#byte(value ? 0xc3 : 0xc2)
  }

  /**
   * The smallest signed form, as Go writes it.
   * @throws {WrpError} NUMBER_OUT_OF_RANGE for what is no int64 or not exact.
   */
  integer(value: WrpInteger): void {
    this.#reserve(HEAD_BYTES_MAX)
    if (typeof value === 'bigint') {
      if (BigInt.asIntN(64, value) !== value) {
        throw new WrpError('NUMBER_OUT_OF_RANGE', `${value} is no int64`)
      }
      if (value >= -(2n ** 31n) && value < 2n ** 31n) return this.integer(Number(value))
      return this.#wide(value)
    }
    if (!Number.isSafeInteger(value)) {
      throw new WrpError('NUMBER_OUT_OF_RANGE', `${value} is no whole number that is exact`)
    }
    if (value >= -32 && value <= 127) return this.#byte(value & 0xff)
    const width = value >= -128 && value < 128 ? 1 : value >= -32_768 && value < 32_768 ? 2 : 4
    if (value < -(2 ** 31) || value >= 2 ** 31) return this.#wide(BigInt(value))
    this.#byte(width === 1 ? 0xd0 : width === 2 ? 0xd1 : 0xd2)
    this.#position = this.#buffer.writeIntBE(value, this.#position, width)
  }

  /** Writes the text if it is ASCII alone, whose length in bytes is then known beforehand. */
  #shortAscii(text: string, length: number): boolean {
    this.#reserve(length + 2)
    const buffer = this.#buffer
    let position = this.#position
    if (length < 32) {
      buffer[position] = 0xa0 | length
      position += 1
    } else {
      buffer[position] = 0xd9
      buffer[position + 1] = length
      position += 2
    }
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) return false
      buffer[position + index] = code
    }
    this.#position = position + length
    return true
  }

  #wide(value: bigint): void {
    this.#byte(0xd3)
    this.#position = this.#buffer.writeBigInt64BE(value, this.#position)
  }

  #sized(head8: number, length: number): void {
    if (length < 2 ** 8) this.#headed(head8, length, 1)
    else if (length < 2 ** 16) this.#headed(head8 + 1, length, 2)
    else this.#headed(head8 + 2, length, 4)
  }

  #headed(head: number, value: number, width: number): void {
    this.#byte(head)
    this.#position = this.#buffer.writeUIntBE(value, this.#position, width)
  }

  #byte(byte: number): void {
    this.#buffer[this.#position] = byte
    this.#position += 1
  }

  #reserve(bytes: number): void {
    const wanted = this.#position + bytes
    if (wanted <= this.#buffer.length) return
    const larger = Buffer.from(new ArrayBuffer(Math.max(wanted, this.#buffer.length * 2)))
    this.#buffer.copy(larger, 0, 0, this.#position)
    this.#buffer = larger
  }
}

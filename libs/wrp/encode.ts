/**
 * A message to msgpack, byte for byte as wrp-go v3 writes it: the order of the fields, what is
 * left out, signed minimal integers, `bin` for the payload, `qos` always. wrp.md §1 and §8.
 */
import { WrpError } from './error.ts'
import { FIELDS } from './fields.ts'
import type { WrpInteger, WrpMessage } from './message.ts'

/** Nearly every message fits; a larger one gets a buffer of its own. */
const SCRATCH_BYTES = 64 * 1024

/** The longest head of a value: its byte and a length of four or a number of eight. */
const HEAD_BYTES_MAX = 9

/** The keys as they are on the wire, head included. */
const KEYS = new Map(
  FIELDS.map(([name]) => [name, Buffer.from([0xa0 | name.length, ...Buffer.from(name)])]),
)

const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

/** Writes msgpack values one after the other. */
export class Writer {
  position = 0
  #buffer: Buffer = scratch

  /** A copy of what was written. */
  bytes(): Uint8Array {
    const made = new Uint8Array(this.position)
    made.set(this.#buffer.subarray(0, this.position))
    return made
  }

  /** Bytes that are msgpack already. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.position)
    this.position += bytes.length
  }

  text(text: string): void {
    const length = Buffer.byteLength(text)
    this.#reserve(length + HEAD_BYTES_MAX)
    if (length < 32) this.#byte(0xa0 | length)
    else this.#sized(0xd9, length)
    this.position += this.#buffer.write(text, this.position, length, 'utf8')
  }

  binary(bytes: Uint8Array): void {
    this.#reserve(bytes.length + HEAD_BYTES_MAX)
    this.#sized(0xc4, bytes.length)
    this.raw(bytes)
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

  /** The smallest signed form, as Go writes it. */
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
    this.position = this.#buffer.writeIntBE(value, this.position, width)
  }

  #wide(value: bigint): void {
    this.#byte(0xd3)
    this.position = this.#buffer.writeBigInt64BE(value, this.position)
  }

  #sized(head8: number, length: number): void {
    if (length < 2 ** 8) this.#headed(head8, length, 1)
    else if (length < 2 ** 16) this.#headed(head8 + 1, length, 2)
    else this.#headed(head8 + 2, length, 4)
  }

  #headed(head: number, value: number, width: number): void {
    this.#byte(head)
    this.position = this.#buffer.writeUIntBE(value, this.position, width)
  }

  #byte(byte: number): void {
    this.#buffer[this.position] = byte
    this.position += 1
  }

  #reserve(bytes: number): void {
    const wanted = this.position + bytes
    if (wanted <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.position)
    this.#buffer = larger
  }
}

/**
 * Writes a message.
 * @throws {WrpError} NUMBER_OUT_OF_RANGE for a number that is no int64.
 */
export function encode(message: WrpMessage): Uint8Array {
  const writer = new Writer()
  let count = 0
  for (const [name] of FIELDS) if (isWritten(message, name)) count += 1
  writer.count('map', count)
  for (const [name, kind] of FIELDS) {
    if (isWritten(message, name)) writeField(writer, message, name, kind)
  }
  return writer.bytes()
}

/** Whether Go would write the field: `msg_type` and `qos` always, nothing that is empty. */
function isWritten(message: WrpMessage, name: (typeof FIELDS)[number][0]): boolean {
  if (name === 'msg_type' || name === 'qos') return true
  const value = message[name]
  if (value === undefined || value === null || value === '') return false
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length > 0
  if (typeof value === 'object') {
    for (const _ in value) return true
    return false
  }
  return true
}

function writeField(
  writer: Writer,
  message: WrpMessage,
  name: (typeof FIELDS)[number][0],
  kind: (typeof FIELDS)[number][1],
): void {
  writer.raw(KEYS.get(name) ?? Buffer.alloc(0))
  const value = message[name]
  switch (kind) {
    case 'string':
      return writer.text(value as string)
    case 'bytes':
      return writer.binary(value as Uint8Array)
    case 'integer':
    case 'nullableInteger':
      return writer.integer((value as WrpInteger | undefined) ?? 0)
    case 'boolean':
      return writer.boolean(value as boolean)
    case 'strings':
      return writeTexts(writer, value as string[])
    case 'map':
      return writeMap(writer, value as Record<string, string>)
    case 'spans':
      writer.count('array', (value as string[][]).length)
      for (const span of value as string[][]) writeTexts(writer, span)
  }
}

/** A list of texts. */
export function writeTexts(writer: Writer, texts: readonly string[]): void {
  writer.count('array', texts.length)
  for (const text of texts) writer.text(text)
}

/** A map of texts. */
export function writeMap(writer: Writer, map: Readonly<Record<string, string>>): void {
  const entries = Object.entries(map)
  writer.count('map', entries.length)
  for (const [key, value] of entries) {
    writer.text(key)
    writer.text(value)
  }
}

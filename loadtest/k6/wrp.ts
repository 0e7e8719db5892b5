/**
 * As much of WRP's msgpack as a load needs. k6 has neither Node's modules nor the project's import
 * names, so `libs/wrp` cannot be loaded there; a test holds this against it byte by byte.
 */

/** The types of a message that the load sends and gets. */
export const REQUEST = 3
export const EVENT = 4

/** A message, with the wire's own keys. Texts are ASCII. */
export interface Wrp {
  msg_type: number
  source?: string | undefined
  dest?: string | undefined
  transaction_uuid?: string | undefined
  content_type?: string | undefined
  status?: number
  rdr?: number
  payload?: Uint8Array
  qos?: number
}

/** The keys in the wire's order, each with how its value is written. */
const FIELDS = [
  ['msg_type', 'integer'],
  ['source', 'text'],
  ['dest', 'text'],
  ['transaction_uuid', 'text'],
  ['content_type', 'text'],
  ['status', 'integer'],
  ['rdr', 'integer'],
  ['payload', 'binary'],
  ['qos', 'integer'],
] as const

/** The longest head of a value, and the longest number. */
const HEAD_BYTES_MAX = 5

/**
 * Writes a message as `libs/wrp` does: empty texts and payloads are left out, `qos` never.
 * @throws for a text beyond ASCII and for a number beyond 16 bits.
 */
export function encode(message: Wrp): Uint8Array {
  const whole: Wrp = { ...message, qos: message.qos ?? 0 }
  const present = FIELDS.filter(([name]) => {
    const value = whole[name]
    return typeof value === 'number' || (value !== undefined && value.length > 0)
  })
  let bytesMax = 1
  for (const [name] of present) {
    const value = whole[name]
    const length = typeof value === 'object' || typeof value === 'string' ? value.length : 0
    bytesMax += 1 + name.length + HEAD_BYTES_MAX + length
  }
  const bytes = new Uint8Array(bytesMax)
  bytes[0] = 0x80 | present.length
  let at = 1
  for (const [name] of present) {
    at = putText(bytes, at, name)
    const value = whole[name] as number | string | Uint8Array
    if (typeof value === 'number') at = putInteger(bytes, at, value)
    else at = typeof value === 'string' ? putText(bytes, at, value) : putBinary(bytes, at, value)
  }
  return bytes.slice(0, at)
}

/** Reads a message; what is not in {@link Wrp} is passed over. @throws for what is no message. */
export function decode(bytes: Uint8Array): Wrp {
  const cursor: Cursor = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset), at: 0 }
  const found = readValue(cursor)
  if (typeof found !== 'object' || found === null || !('msg_type' in found)) {
    throw new Error('a frame is no WRP')
  }
  return found as unknown as Wrp
}

/** ASCII to bytes. */
export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  putAscii(bytes, 0, text)
  return bytes
}

/** Bytes to text; each byte is one character, which is right for ASCII. No bytes are no text. */
export function textOfBytes(bytes: Uint8Array = new Uint8Array()): string {
  let text = ''
  for (let index = 0; index < bytes.length; index += 1) {
    text += String.fromCharCode(bytes[index] ?? 0)
  }
  return text
}

function putAscii(bytes: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code > 0x7f) throw new Error(`only ASCII is written, not "${text}"`)
    bytes[at + index] = code
  }
  return at + text.length
}

function putText(bytes: Uint8Array, at: number, text: string): number {
  if (text.length < 32) {
    bytes[at] = 0xa0 | text.length
    return putAscii(bytes, at + 1, text)
  }
  return putAscii(bytes, putSized(bytes, at, 0xd9, text.length), text)
}

function putBinary(bytes: Uint8Array, at: number, value: Uint8Array): number {
  const start = putSized(bytes, at, 0xc4, value.length)
  bytes.set(value, start)
  return start + value.length
}

/** A head with the length in one, two or four bytes; the heads for them follow each other. */
function putSized(bytes: Uint8Array, at: number, head: number, length: number): number {
  const width = length < 0x100 ? 1 : length < 0x1_0000 ? 2 : 4
  bytes[at] = head + (width === 4 ? 2 : width - 1)
  for (let index = 0; index < width; index += 1) {
    bytes[at + width - index] = (length >>> (8 * index)) & 0xff
  }
  return at + 1 + width
}

/** The smallest signed form. */
function putInteger(bytes: Uint8Array, at: number, value: number): number {
  if (value >= 0 && value <= 0x7f) {
    bytes[at] = value
    return at + 1
  }
  if (!(value > 0x7f && value <= 0x7fff)) throw new Error(`${value} is no number of the load's`)
  bytes[at] = 0xd1
  bytes[at + 1] = value >> 8
  bytes[at + 2] = value & 0xff
  return at + 3
}

interface Cursor {
  bytes: Uint8Array
  view: DataView
  at: number
}

/** Any value that a message may hold; a message's own lists and maps are flat, so depth is no danger. */
function readValue(cursor: Cursor): unknown {
  const head = take(cursor, 1, 'getUint8')
  if (head <= 0x7f) return head
  if (head >= 0xe0) return head - 0x100
  if (head <= 0x8f) return readMap(cursor, head & 0x0f)
  if (head <= 0x9f) return readList(cursor, head & 0x0f)
  if (head <= 0xbf) return readText(cursor, head & 0x1f)
  switch (head) {
    case 0xc0:
      return undefined
    case 0xc2:
    case 0xc3:
      return head === 0xc3
    case 0xc4:
      return readBytes(cursor, take(cursor, 1, 'getUint8'))
    case 0xc5:
      return readBytes(cursor, take(cursor, 2, 'getUint16'))
    case 0xc6:
      return readBytes(cursor, take(cursor, 4, 'getUint32'))
    case 0xd0:
      return take(cursor, 1, 'getInt8')
    case 0xd1:
      return take(cursor, 2, 'getInt16')
    case 0xd2:
      return take(cursor, 4, 'getInt32')
    case 0xd9:
      return readText(cursor, take(cursor, 1, 'getUint8'))
    case 0xda:
      return readText(cursor, take(cursor, 2, 'getUint16'))
    case 0xdb:
      return readText(cursor, take(cursor, 4, 'getUint32'))
    case 0xde:
      return readMap(cursor, take(cursor, 2, 'getUint16'))
    default:
      throw new Error(`a frame has the byte ${head} where a value begins`)
  }
}

type Reader = 'getUint8' | 'getUint16' | 'getUint32' | 'getInt8' | 'getInt16' | 'getInt32'

/** Reads a number of so many bytes. A DataView throws a RangeError beyond the end. */
function take(cursor: Cursor, width: number, reader: Reader): number {
  const value = cursor.view[reader](cursor.at)
  cursor.at += width
  return value
}

function readBytes(cursor: Cursor, length: number): Uint8Array {
  const bytes = cursor.bytes.subarray(cursor.at, cursor.at + length)
  if (bytes.length < length) throw new Error('a frame ends too early')
  cursor.at += length
  return bytes
}

const readText = (cursor: Cursor, length: number): string => textOfBytes(readBytes(cursor, length))

function readList(cursor: Cursor, count: number): unknown[] {
  const list: unknown[] = []
  for (let index = 0; index < count; index += 1) list.push(readValue(cursor))
  return list
}

function readMap(cursor: Cursor, count: number): Record<string, unknown> {
  const map: Record<string, unknown> = {}
  for (let index = 0; index < count; index += 1) {
    const key = String(readValue(cursor))
    map[key] = readValue(cursor)
  }
  return map
}

/**
 * Msgpack to a message: as lenient as wrp-go v3, which is what genuine devices meet in upstream's
 * cloud, and strict where leniency is dangerous. wrp.md §1 "What decoders tolerate".
 */
import { Cursor } from './cursor.ts'
import { EntryCount, PAIRS_MAX, PASSED_OVER_MAX } from '#libs/wrp/entries.ts'
import { WrpError } from '#libs/wrp/error.ts'
import { FIELDS, setEntry, type FieldKind, type FieldName } from '#libs/wrp/fields.ts'
import type { WrpInteger, WrpMessage } from '#libs/wrp/message.ts'

/** No message of the fabric is near it; sockets and bodies have lower limits of their own. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024

/** What {@link decode} may be told. */
export interface DecodeOptions {
  /** The largest input that is read, in bytes. */
  bytesMax?: number
}

/** Messages whose text fields were no UTF-8: kept apart, as a message holds only what is on the wire. */
const notUtf8 = new WeakSet<WrpMessage>()

/** Whether a text field of a decoded message was no UTF-8 on the wire. */
export function hasInvalidUtf8(message: WrpMessage): boolean {
  return notUtf8.has(message)
}

/**
 * Reads one message. Bytes after its map are ignored; `payload` is a view on `bytes`.
 * @throws {WrpError} TOO_LARGE, TOO_MANY_ENTRIES, TRUNCATED, NOT_A_MAP, MALFORMED, FIELD_INVALID or
 * NUMBER_OUT_OF_RANGE.
 */
export function decode(
  bytes: Uint8Array,
  { bytesMax = MESSAGE_BYTES_MAX }: DecodeOptions = {},
): WrpMessage {
  if (bytes.byteLength > bytesMax) {
    throw new WrpError('TOO_LARGE', `${bytes.byteLength} bytes are over ${bytesMax}`, { rdr: 4 })
  }
  const cursor = new Cursor(bytes)
  // A message without a type has type 0, as in Go; the validation refuses it.
  const message: WrpMessage = { msg_type: 0 }
  const entries = new EntryCount()
  let passOverMax = PASSED_OVER_MAX
  let pairs = cursor.readMapCount()
  if (pairs > PAIRS_MAX) {
    throw new WrpError('TOO_MANY_ENTRIES', `${pairs} fields are over ${PAIRS_MAX}`, { rdr: 4 })
  }
  for (; pairs > 0; pairs -= 1) {
    const field = readKey(cursor)
    if (field === undefined) passOverMax -= cursor.skip(passOverMax)
    else readField(cursor, field, message, entries)
  }
  if (cursor.hasInvalidUtf8) notUtf8.add(message)
  return message
}

/** A known key: its name, kind and bytes. */
interface KnownKey {
  name: FieldName
  kind: FieldKind
  bytes: Uint8Array
}

/** Length and second byte tell all keys apart, so that one comparison says which it is. */
const KEYS: (KnownKey | undefined)[] = []
const slotOf = (length: number, secondByte: number): number => length * 128 + (secondByte & 127)
for (const [name, kind] of FIELDS) {
  const bytes = Buffer.from(name)
  KEYS[slotOf(bytes.length, bytes[1] ?? 0)] = { name, kind, bytes }
}

/**
 * Reads a key; undefined when it is none of ours, whose value is then the next.
 * @throws {WrpError} FIELD_INVALID for a key that is no text.
 */
function readKey(cursor: Cursor): KnownKey | undefined {
  const length = cursor.readSpan()
  if (length === undefined) throw new WrpError('FIELD_INVALID', 'a key is no text')
  const start = cursor.position - length
  const known = KEYS[slotOf(length, cursor.byteAt(start + 1))]
  if (!known || known.bytes.length !== length) return undefined
  for (let index = 0; index < length; index += 1) {
    if (known.bytes[index] !== cursor.byteAt(start + index)) return undefined
  }
  return known
}

/**
 * Reads the value of a known key into `message`. A later one replaces, but metadata is merged.
 * What nearly every message has stands here by name: a store by a name in a variable is slow.
 */
function readField(
  cursor: Cursor,
  { name, kind }: KnownKey,
  message: WrpMessage,
  entries: EntryCount,
): void {
  if (kind === 'map') {
    const read = readMap(cursor, message.metadata, entries)
    if (read) message.metadata = read
    return
  }
  if (cursor.readNil()) {
    // wrp-go v5 and wrp-c refuse it too; v3 reads type 0, which no message has.
    if (name === 'msg_type') refuse(name, 'a whole number')
    delete message[name]
    return
  }
  switch (name) {
    case 'msg_type':
      message.msg_type = safeInteger(name, cursor.readInteger())
      return
    case 'qos':
      message.qos = safeInteger(name, cursor.readInteger())
      return
    case 'source':
      message.source = cursor.readText() ?? refuse(name, 'text')
      return
    case 'dest':
      message.dest = cursor.readText() ?? refuse(name, 'text')
      return
    case 'transaction_uuid':
      message.transaction_uuid = cursor.readText() ?? refuse(name, 'text')
      return
    case 'content_type':
      message.content_type = cursor.readText() ?? refuse(name, 'text')
      return
    case 'payload':
      message.payload = cursor.readBytes() ?? refuse(name, 'bytes')
      return
    default:
      ;(message as unknown as Record<string, unknown>)[name] = readValue(
        cursor,
        name,
        kind,
        entries,
      )
  }
}

function readValue(cursor: Cursor, name: FieldName, kind: FieldKind, entries: EntryCount): unknown {
  switch (kind) {
    case 'string':
      return cursor.readText() ?? refuse(name, 'text')
    case 'bytes':
      return cursor.readBytes() ?? refuse(name, 'bytes')
    case 'integer':
      return safeInteger(name, cursor.readInteger())
    case 'nullableInteger':
      return cursor.readInteger() ?? refuse(name, 'a whole number')
    case 'boolean':
      return cursor.readBoolean() ?? refuse(name, 'true or false')
    case 'strings':
      return readTexts(cursor, name, entries)
    case 'spans':
      return readSpans(cursor, entries)
    case 'map':
      return undefined
  }
}

function safeInteger(name: FieldName, value: WrpInteger | undefined): number {
  if (typeof value === 'number') return value
  if (value === undefined) return refuse(name, 'a whole number')
  throw new WrpError('NUMBER_OUT_OF_RANGE', `${name} ${value} cannot be kept exactly`)
}

function readTexts(cursor: Cursor, name: FieldName, entries: EntryCount): string[] {
  const count = cursor.readArrayCount() ?? refuse(name, 'a list of texts')
  entries.add(count)
  const texts: string[] = []
  for (let index = 0; index < count; index += 1) {
    texts.push(cursor.readNil() ? '' : (cursor.readText() ?? refuse(name, 'a list of texts')))
  }
  return texts
}

function readMap(
  cursor: Cursor,
  found: Record<string, string> | undefined,
  entries: EntryCount,
): Record<string, string> | undefined {
  if (cursor.readNil()) return undefined
  if (!cursor.isMap()) refuse('metadata', 'a map of texts')
  const map = found ?? {}
  const count = cursor.readMapCount()
  entries.add(count)
  for (let pairs = count; pairs > 0; pairs -= 1) {
    const key = cursor.readNil() ? '' : (cursor.readText() ?? refuse('metadata', 'a map of texts'))
    setEntry(
      map,
      key,
      cursor.readNil() ? '' : (cursor.readText() ?? refuse('metadata', 'a map of texts')),
    )
  }
  return map
}

/** C writes [text, number, number] where Go writes three texts: both become texts. */
function readSpans(cursor: Cursor, entries: EntryCount): string[][] {
  const count = cursor.readArrayCount() ?? refuse('spans', 'a list of lists')
  const spans: string[][] = []
  for (let index = 0; index < count; index += 1) {
    const span: string[] = []
    const parts = cursor.readNil()
      ? 0
      : (cursor.readArrayCount() ?? refuse('spans', 'a list of lists'))
    // An empty one is an entry too: it is an array of its own.
    entries.add(Math.max(1, parts))
    for (let part = 0; part < parts; part += 1) {
      const text = cursor.readNil() ? '' : (cursor.readText() ?? cursor.readInteger())
      span.push(String(text ?? refuse('spans', 'a list of lists of texts')))
    }
    spans.push(span)
  }
  return spans
}

function refuse(name: string, wanted: string): never {
  throw new WrpError('FIELD_INVALID', `${name} must be ${wanted}`, { rdr: 1 })
}

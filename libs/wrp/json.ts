/** The JSON form of a message: the same keys, the payload in base64. wrp.md §2. */
import { EntryCount } from './entries.ts'
import { WrpError } from './error.ts'
import { FIELDS, setEntry, type FieldKind, type FieldName } from './fields.ts'
import type { WrpInteger, WrpMessage } from './message.ts'

/** Standard, padded base64; what Node's own decoder takes besides is refused, as upstream does. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const INTEGER = /^-?\d{1,20}$/

/** A number whose fraction is nothing but zeros; 4.0 is 4 to wrp-go v3. */
const WHOLE = /[eE]|^-?\d+(?:\.0*)?$/

/** Only a text with this many digits in a row can hold a number that JSON.parse would round. */
const MANY_DIGITS = /\d{16}/

/** The largest JSON text that is read, in characters. */
const TEXT_LENGTH_MAX = 24 * 1024 * 1024

/**
 * Reads one message. Unknown keys and nulls are passed over.
 * @throws {WrpError} TOO_LARGE, TOO_MANY_ENTRIES, MALFORMED, NOT_A_MAP, FIELD_INVALID or NUMBER_OUT_OF_RANGE.
 */
export function fromJson(text: string): WrpMessage {
  if (text.length > TEXT_LENGTH_MAX) {
    throw new WrpError('TOO_LARGE', `${text.length} characters are over ${TEXT_LENGTH_MAX}`, {
      rdr: 4,
    })
  }
  const found = parse(text)
  if (typeof found !== 'object' || found === null || Array.isArray(found)) {
    throw new WrpError('NOT_A_MAP', 'the JSON is no object')
  }
  const message: WrpMessage = { msg_type: 0 }
  const entries = new EntryCount()
  for (const [name, kind] of FIELDS) {
    const value = Object.hasOwn(found, name) ? (found as Record<string, unknown>)[name] : undefined
    if (value === undefined || value === null) continue
    const read = readValue(name, kind, value, entries)
    if (read !== undefined) (message as unknown as Record<string, unknown>)[name] = read
  }
  return message
}

/** Writes a message; `<`, `>` and `&` are escaped so that it may stand in a page, as upstream does. */
export function toJson(message: WrpMessage): string {
  const made: Record<string, unknown> = {}
  for (const [name] of FIELDS) {
    const value = jsonValue(message[name])
    if (value !== undefined || name === 'qos') made[name] = value ?? 0
  }
  return JSON.stringify(made).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function jsonValue(value: unknown): unknown {
  if (value === undefined || value === null || value === '') return undefined
  // As wrp-go v3: what JSON's readers would round is written as a text.
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) {
    return value.length === 0 ? undefined : Buffer.from(value).toString('base64')
  }
  if (Array.isArray(value)) return value.length === 0 ? undefined : value
  if (typeof value === 'object') return Object.keys(value).length === 0 ? undefined : value
  return value
}

/** A number as it stands in the text, where JavaScript's own would not show the same digits. */
class WrittenNumber {
  readonly source: string
  readonly value: number

  constructor(source: string, value: number) {
    this.source = source
    this.value = value
  }
}

function parse(text: string): unknown {
  try {
    const found: unknown = MANY_DIGITS.test(text) ? undefined : JSON.parse(text)
    if (found !== undefined && !hasNumberInMetadata(found)) return found
    return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
      const source = context?.source
      const isWritten = typeof value === 'number' && source !== undefined
      return isWritten && String(value) !== source ? new WrittenNumber(source, value) : value
    })
  } catch (error) {
    throw new WrpError('MALFORMED', 'the text is no JSON', { cause: error, rdr: 1 })
  }
}

/** There a number becomes text, so its digits count. */
function hasNumberInMetadata(found: unknown): boolean {
  const { metadata } = (found ?? {}) as { metadata?: unknown }
  if (typeof metadata !== 'object' || metadata === null) return false
  return Object.values(metadata).some((value) => typeof value === 'number')
}

function readValue(name: FieldName, kind: FieldKind, value: unknown, entries: EntryCount): unknown {
  switch (kind) {
    case 'string':
      return typeof value === 'string' ? value : refuse(name, 'a text')
    case 'bytes':
      return readBytes(name, value)
    case 'integer': {
      const read = readInteger(name, value)
      if (typeof read === 'number') return read
      throw new WrpError('NUMBER_OUT_OF_RANGE', `${name} ${read} cannot be kept exactly`)
    }
    case 'nullableInteger':
      return readInteger(name, value)
    case 'boolean':
      return typeof value === 'boolean' ? value : refuse(name, 'true or false')
    case 'strings':
      return readTexts(name, value, entries)
    case 'spans':
      return Array.isArray(value)
        ? value.map((span) => readTexts(name, span, entries))
        : refuse(name, 'a list of lists of texts')
    case 'map':
      return readMap(value, entries)
  }
}

/** A number, or its digits as a text, as wrp-go v3 reads and writes large ones. */
function readInteger(name: FieldName, value: unknown): WrpInteger {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  if (value instanceof WrittenNumber && Number.isSafeInteger(value.value)) {
    return WHOLE.test(value.source) ? value.value : refuse(name, 'a whole number')
  }
  const digits = value instanceof WrittenNumber ? value.source : value
  if (typeof digits !== 'string' || !INTEGER.test(digits)) return refuse(name, 'a whole number')
  const wide = BigInt(digits)
  if (BigInt.asIntN(64, wide) !== wide) {
    throw new WrpError('NUMBER_OUT_OF_RANGE', `${name} ${wide} is no int64`)
  }
  const exact = Number(wide)
  return Number.isSafeInteger(exact) ? exact : wide
}

function readBytes(name: FieldName, value: unknown): Uint8Array | undefined {
  if (typeof value === 'string') {
    if (!BASE64.test(value)) refuse(name, 'padded base64')
    return value === '' ? undefined : new Uint8Array(Buffer.from(value, 'base64'))
  }
  if (!Array.isArray(value)) return refuse(name, 'base64')
  for (const byte of value as unknown[]) {
    const isByte = typeof byte === 'number' && Number.isInteger(byte) && byte >= 0 && byte <= 255
    if (!isByte) refuse(name, 'bytes from 0 to 255')
  }
  return Uint8Array.from(value as number[])
}

function readTexts(name: FieldName, value: unknown, entries: EntryCount): string[] {
  if (!Array.isArray(value)) return refuse(name, 'a list of texts')
  entries.add(value.length)
  return value.map((text: unknown) => {
    if (text === null) return ''
    return typeof text === 'string' ? text : refuse(name, 'a list of texts')
  })
}

function readMap(value: unknown, entries: EntryCount): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('metadata', 'a map of texts')
  }
  const map: Record<string, string> = {}
  const read = Object.entries(value)
  entries.add(read.length)
  for (const [key, entry] of read) {
    if (typeof entry === 'string') setEntry(map, key, entry)
    else if (entry === null) setEntry(map, key, '')
    else if (typeof entry === 'number') setEntry(map, key, String(entry))
    else if (entry instanceof WrittenNumber) setEntry(map, key, entry.source)
    else refuse('metadata', 'a map of texts')
  }
  return map
}

function refuse(name: string, wanted: string): never {
  throw new WrpError('FIELD_INVALID', `${name} must be ${wanted}`, { rdr: 1 })
}

/**
 * The HTTP header form of a message, both generations of names. wrp.md §3. What upstream's form
 * loses (qos; commas and `=` in metadata, partners and headers) goes in one more header that
 * readers of upstream's form pass over and ours prefers.
 */
import { WrpError } from './error.ts'
import { setEntry } from './fields.ts'
import { fromJson } from './json.ts'
import { MSG_TYPE, type WrpInteger, type WrpMessage } from './message.ts'

/** All that is asked of headers when a message is read. */
type HeaderLookup = Pick<Headers, 'get'>

/** Holds, as JSON in ASCII, the fields that upstream's headers cannot carry exactly. */
const EXACT_HEADER = 'Xmidt-Wrp'

/** Names of the types as headers carry them; type 2 has none, and reads back as 12. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  3: 'SimpleRequestResponse',
  4: 'SimpleEvent',
  5: 'Create',
  6: 'Retrieve',
  7: 'Update',
  8: 'Delete',
  9: 'ServiceRegistration',
  10: 'ServiceAlive',
  11: 'Unknown',
}

/** What an unknown type becomes, without an error, as upstream does. */
const LAST_TYPE = 12

/** Fields that are one text each: the current name, and the older one that is read only. */
const TEXT_HEADERS = [
  ['transaction_uuid', 'X-Xmidt-Transaction-Uuid', 'X-Midt-Transaction-Uuid'],
  ['path', 'X-Xmidt-Path', 'X-Midt-Path'],
  ['source', 'X-Xmidt-Source', 'X-Midt-Source'],
  ['dest', 'X-Webpa-Device-Name', 'X-Webpa-Device-Name'],
  ['accept', 'X-Xmidt-Accept', 'X-Midt-Accept'],
  ['session_id', 'X-Xmidt-Session-Id', 'X-Midt-Session-Id'],
  ['service_name', 'X-Xmidt-Service-Name', 'X-Midt-Service-Name'],
  ['url', 'X-Xmidt-Url', 'X-Midt-Url'],
] as const

const INTEGER_HEADERS = [
  ['status', 'X-Xmidt-Status', 'X-Midt-Status'],
  ['rdr', 'X-Xmidt-Request-Delivery-Response', 'X-Midt-Request-Delivery-Response'],
] as const

const LIST_HEADERS = [
  ['partner_ids', 'X-Xmidt-Partner-Id', 'X-Midt-Partner-Id'],
  ['headers', 'X-Xmidt-Headers', 'X-Midt-Headers'],
] as const

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])

/**
 * Reads a message from `headers` and the payload from `body`.
 * @throws {WrpError} MESSAGE_TYPE_MISSING, FIELD_INVALID or NUMBER_OUT_OF_RANGE.
 */
export function fromHeaders(headers: HeaderLookup, body: Uint8Array): WrpMessage {
  const message: WrpMessage = { msg_type: readType(headers) }
  for (const [name, current, legacy] of TEXT_HEADERS) {
    const text = read(headers, current, legacy)
    if (text !== '') message[name] = text
  }
  for (const [name, current, legacy] of INTEGER_HEADERS) {
    const text = read(headers, current, legacy)
    if (text !== '') message[name] = readInteger(current, text)
  }
  for (const [name, current, legacy] of LIST_HEADERS) {
    const text = headers.get(current) ?? headers.get(legacy)
    if (text !== null)
      message[name] = utf8(text)
        .split(',')
        .map((part) => part.trim())
  }
  readRest(headers, message)
  if (body.length > 0) {
    message.payload = body
    message.content_type = headers.get('Content-Type') || 'application/octet-stream'
  }
  return readExact(headers, message)
}

/** Writes a message as headers and a body, under the current names. */
export function toHeaders(message: WrpMessage): { headers: Headers; body: Uint8Array } {
  const headers = new Headers()
  headers.set('X-Xmidt-Message-Type', TYPE_NAMES[message.msg_type] ?? '')
  for (const [name, current] of TEXT_HEADERS) {
    if (message[name]) headers.set(current, latin1(message[name]))
  }
  for (const [name, current] of INTEGER_HEADERS) {
    if (message[name] !== undefined) headers.set(current, String(message[name]))
  }
  for (const [name, current] of LIST_HEADERS) {
    for (const text of message[name] ?? []) headers.append(current, latin1(text))
  }
  for (const [key, value] of Object.entries(message.metadata ?? {})) {
    headers.append('X-Xmidt-Metadata', latin1(`${key}=${value}`))
  }
  for (const span of message.spans ?? []) headers.append('X-Xmidt-Span', latin1(span.join(',')))
  if (message.include_spans !== undefined) {
    headers.set('X-Xmidt-Include-Spans', String(message.include_spans))
  }
  const body = message.payload ?? new Uint8Array()
  if (message.content_type || body.length > 0) {
    headers.set('Content-Type', latin1(message.content_type || 'application/octet-stream'))
  }
  writeExact(headers, message)
  return { headers, body }
}

function readType(headers: HeaderLookup): number {
  const text = read(headers, 'X-Xmidt-Message-Type', 'X-Midt-Msg-Type')
  if (text === '') {
    throw new WrpError('MESSAGE_TYPE_MISSING', 'the header X-Xmidt-Message-Type is missing')
  }
  if (text === 'event') return MSG_TYPE.event
  const name = text.replace(/MessageType$/, '')
  const found = Object.entries(TYPE_NAMES).find(([type, known]) => known === name || type === text)
  return found ? Number(found[0]) : LAST_TYPE
}

function readRest(headers: HeaderLookup, message: WrpMessage): void {
  const metadata = headers.get('X-Xmidt-Metadata') ?? headers.get('X-Midt-Metadata')
  if (metadata !== null) message.metadata = readMetadata(utf8(metadata))
  const spans = headers.get('X-Xmidt-Span') ?? headers.get('X-Midt-Spans')
  if (spans !== null) message.spans = readSpans(utf8(spans))
  const include = read(headers, 'X-Xmidt-Include-Spans', 'X-Midt-Include-Spans')
  if (include === '') return
  if (!TRUE.has(include) && !FALSE.has(include)) refuse('X-Xmidt-Include-Spans', 'true or false')
  message.include_spans = TRUE.has(include)
}

/** `key=value` parts; further `=` of a value are lost, as upstream's reader loses them. */
function readMetadata(text: string): Record<string, string> {
  const map: Record<string, string> = {}
  for (const part of text.split(',')) {
    const [key = '', ...values] = part.split('=')
    setEntry(map, key.trim(), values.join(''))
  }
  return map
}

function readSpans(text: string): string[][] {
  const parts = text.split(',').map((part) => part.trim())
  if (parts.length % 3 !== 0) refuse('X-Xmidt-Span', 'three parts each')
  return Array.from({ length: parts.length / 3 }, (_, index) =>
    parts.slice(3 * index, 3 * index + 3),
  )
}

function readInteger(name: string, text: string): WrpInteger {
  if (!/^[+-]?\d{1,20}$/.test(text)) refuse(name, 'a whole number')
  const wide = BigInt(text.replace(/^\+/, ''))
  if (BigInt.asIntN(64, wide) !== wide) {
    throw new WrpError('NUMBER_OUT_OF_RANGE', `${name} ${text} is no int64`)
  }
  const exact = Number(wide)
  return Number.isSafeInteger(exact) ? exact : wide
}

/** Puts what was written exactly over what upstream's headers say. */
function readExact(headers: HeaderLookup, message: WrpMessage): WrpMessage {
  const text = headers.get(EXACT_HEADER)
  if (!text) return message
  const { msg_type: _, ...exact } = fromJson(text)
  return { ...message, ...exact }
}

function writeExact(headers: Headers, message: WrpMessage): void {
  const exact: Record<string, unknown> = {}
  if (message.qos) exact.qos = message.qos
  // What the headers give back when they are read is what upstream's readers see; where it is
  // something else than was meant, ours shall see what was meant.
  const seen = fromHeaders(withType(headers), new Uint8Array())
  for (const [name] of TEXT_HEADERS) {
    if (message[name] && seen[name] !== message[name]) exact[name] = message[name]
  }
  for (const name of ['partner_ids', 'headers', 'metadata', 'spans'] as const) {
    const wanted = message[name]
    const isThere = wanted !== undefined && Object.keys(wanted).length > 0
    if (isThere && !isSame(seen[name], wanted)) exact[name] = wanted
  }
  if (Object.keys(exact).length > 0) headers.set(EXACT_HEADER, asciiJson(exact))
}

/** A copy that can be read whatever the type, and whatever is odd about the spans. */
function withType(headers: Headers): Headers {
  const copy = new Headers(headers)
  copy.set('X-Xmidt-Message-Type', 'Unknown')
  copy.delete('X-Xmidt-Span')
  return copy
}

const isSame = (one: unknown, other: unknown): boolean =>
  JSON.stringify(one) === JSON.stringify(other)

const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[\u0000-\u001f\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

function read(headers: HeaderLookup, current: string, legacy: string): string {
  return utf8(headers.get(current) || headers.get(legacy) || '')
}

/** Headers are bytes that JavaScript shows as Latin-1; XMiDT's are UTF-8. */
function utf8(text: string): string {
  if (!/[^\u0000-\u007f]/.test(text)) return text
  const bytes = Buffer.from(text, 'latin1')
  const decoded = bytes.toString('utf8')
  return decoded.includes('\uFFFD') ? text : decoded
}

/** UTF-8 as header bytes; what would end or corrupt a header line is a blank. */
function latin1(text: string): string {
  return Buffer.from(text, 'utf8')
    .toString('latin1')
    .replaceAll(/[\u0000-\u001f\u007f]/g, ' ')
}

function refuse(name: string, wanted: string): never {
  throw new WrpError('FIELD_INVALID', `${name} must be ${wanted}`, { rdr: 1 })
}

/**
 * A message to msgpack, byte for byte as wrp-go v3 writes it: the order of the fields, what is
 * left out, signed minimal integers, `bin` for the payload, `qos` always. wrp.md §1 and §8.
 */
import { FIELDS, type FieldName } from '#libs/wrp/fields.ts'
import type { WrpInteger, WrpMessage } from '#libs/wrp/message.ts'
import { Writer } from './writer.ts'

/** A key as it is on the wire, head included. */
const KEYS = Object.fromEntries(
  FIELDS.map(([name]) => [name, Uint8Array.from([0xa0 | name.length, ...Buffer.from(name)])]),
) as Record<FieldName, Uint8Array>

/**
 * Writes a message. The fields stand here one by one in the wire's order, because a loop over
 * their names costs as much as all the writing does.
 * @throws {WrpError} NUMBER_OUT_OF_RANGE for a number that is no int64.
 */
export function encode(message: WrpMessage): Uint8Array {
  const writer = new Writer()
  writer.beginMap()
  let count = 2
  writer.key(KEYS.msg_type)
  writer.integer(message.msg_type)
  count += text(writer, KEYS.source, message.source)
  count += text(writer, KEYS.dest, message.dest)
  count += text(writer, KEYS.transaction_uuid, message.transaction_uuid)
  count += text(writer, KEYS.content_type, message.content_type)
  count += text(writer, KEYS.accept, message.accept)
  count += integer(writer, KEYS.status, message.status)
  count += integer(writer, KEYS.rdr, message.rdr)
  count += texts(writer, KEYS.headers, message.headers)
  count += map(writer, KEYS.metadata, message.metadata)
  count += spans(writer, message.spans)
  count += boolean(writer, KEYS.include_spans, message.include_spans)
  count += text(writer, KEYS.path, message.path)
  count += binary(writer, KEYS.payload, message.payload)
  count += text(writer, KEYS.service_name, message.service_name)
  count += text(writer, KEYS.url, message.url)
  count += texts(writer, KEYS.partner_ids, message.partner_ids)
  count += text(writer, KEYS.session_id, message.session_id)
  writer.key(KEYS.qos)
  writer.integer(message.qos ?? 0)
  return writer.endMap(count)
}

// Each of these writes a field unless it is absent or empty, and says how many it wrote.

function text(writer: Writer, key: Uint8Array, value: string | undefined): number {
  if (!value) return 0
  writer.key(key)
  writer.text(value)
  return 1
}

function integer(writer: Writer, key: Uint8Array, value: WrpInteger | undefined): number {
  if (value === undefined || value === null) return 0
  writer.key(key)
  writer.integer(value)
  return 1
}

function boolean(writer: Writer, key: Uint8Array, value: boolean | undefined): number {
  if (value === undefined || value === null) return 0
  writer.key(key)
  writer.boolean(value)
  return 1
}

function binary(writer: Writer, key: Uint8Array, value: Uint8Array | undefined): number {
  if (!value || value.length === 0) return 0
  writer.key(key)
  writer.binary(value)
  return 1
}

function texts(writer: Writer, key: Uint8Array, value: readonly string[] | undefined): number {
  if (!value || value.length === 0) return 0
  writer.key(key)
  writeTexts(writer, value)
  return 1
}

function map(
  writer: Writer,
  key: Uint8Array,
  value: Readonly<Record<string, string>> | undefined,
): number {
  if (!value) return 0
  const names = Object.keys(value)
  if (names.length === 0) return 0
  writer.key(key)
  writer.count('map', names.length)
  for (const name of names) {
    writer.text(name)
    writer.text(value[name] ?? '')
  }
  return 1
}

function spans(writer: Writer, value: readonly (readonly string[])[] | undefined): number {
  if (!value || value.length === 0) return 0
  writer.key(KEYS.spans)
  writer.count('array', value.length)
  for (const span of value) writeTexts(writer, span)
  return 1
}

function writeTexts(writer: Writer, value: readonly string[]): void {
  writer.count('array', value.length)
  for (const entry of value) writer.text(entry)
}

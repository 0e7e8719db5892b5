/**
 * The fields of a message in the order in which wrp-go writes them, and of which kind each is.
 * Reading, writing and the forms beside msgpack all go by this one list. wrp.md §1.
 */
import type { WrpMessage } from './message.ts'

/** What a field can hold. */
export type FieldKind =
  | 'integer'
  | 'nullableInteger'
  | 'string'
  | 'strings'
  | 'map'
  | 'spans'
  | 'boolean'
  | 'bytes'

/** Name and kind of each field, in the order of writing. */
export const FIELDS = [
  ['msg_type', 'integer'],
  ['source', 'string'],
  ['dest', 'string'],
  ['transaction_uuid', 'string'],
  ['content_type', 'string'],
  ['accept', 'string'],
  ['status', 'nullableInteger'],
  ['rdr', 'nullableInteger'],
  ['headers', 'strings'],
  ['metadata', 'map'],
  ['spans', 'spans'],
  ['include_spans', 'boolean'],
  ['path', 'string'],
  ['payload', 'bytes'],
  ['service_name', 'string'],
  ['url', 'string'],
  ['partner_ids', 'strings'],
  ['session_id', 'string'],
  ['qos', 'integer'],
] as const satisfies readonly (readonly [keyof WrpMessage, FieldKind])[]

/** A field's name. */
export type FieldName = (typeof FIELDS)[number][0]

/** Sets a key of a map whatever it is called: `__proto__` is a name like any other on the wire. */
export function setEntry(map: Record<string, string>, key: string, value: string): void {
  if (key !== '__proto__') map[key] = value
  else
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
}

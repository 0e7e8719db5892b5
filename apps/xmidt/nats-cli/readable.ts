/** A WRP message as one line of JSON that a person reads: names instead of numbers, the payload as what it holds. */
import { escapeUnseen } from '#libs/log/unseen.ts'
import { decode } from '#libs/wrp/codec.ts'
import { WrpError } from '#libs/wrp/error.ts'
import { MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import { validate } from '#libs/wrp/validate.ts'
import { base64Of, rawJson, showPayload } from './payload.ts'

const TYPE_NAMES = new Map<number, string>(
  Object.entries(MSG_TYPE).map(([name, type]) => [type, name]),
)

/** A line, and whether the bytes were a WRP at all. */
export interface Readable {
  line: string
  isWrp: boolean
}

/**
 * The line for `bytes`. What is no WRP is shown too, with `error`: whoever looks at a message wants
 * to see it all the more. Never throws.
 */
export async function readableOf(bytes: Uint8Array): Promise<Readable> {
  const message = readWrp(bytes)
  if (message instanceof WrpError) {
    const error = `no WRP (${message.code}): ${message.message}`
    const shown = bytes.length === 0 ? {} : await showPayload(bytes, undefined)
    return { line: lineOf({ error, ...shown }, bytes), isWrp: false }
  }
  const { msg_type: type, payload, ...others } = message
  const shown = payload?.length ? await showPayload(payload, message.content_type) : {}
  const fields = { msg_type: TYPE_NAMES.get(type), ...others, ...shown, ...faultOf(message) }
  return { line: lineOf(fields, payload ?? bytes), isWrp: true }
}

/** Any map would do as a WRP without fields of ours; the type makes it one. */
function readWrp(bytes: Uint8Array): WrpMessage | WrpError {
  try {
    const message = decode(bytes)
    if (TYPE_NAMES.has(message.msg_type)) return message
    return new WrpError('MESSAGE_TYPE_MISSING', `its msg_type is ${message.msg_type}`)
  } catch (error) {
    if (error instanceof WrpError) return error
    throw error
  }
}

/** What a WRP lacks is said beside what it has. */
function faultOf(message: WrpMessage): { invalid?: string } {
  try {
    validate(message)
    return {}
  } catch (error) {
    return { invalid: (error as Error).message }
  }
}

function lineOf(fields: object, bytes: Uint8Array): string {
  return escapeUnseen(textOf(fields))

  function textOf(value: object): string {
    try {
      return JSON.stringify(value, readableValue)
    } catch {
      // Nested more deeply than can be written.
      return JSON.stringify({ ...value, payload: undefined, payload_base64: base64Of(bytes) })
    }
  }
}

/** What JSON has no form for, as msgpack has and wide numbers of a WRP are. */
function readableValue(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return rawJson(String(value))
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (value instanceof Uint8Array) return { base64: base64Of(value) }
  return value
}

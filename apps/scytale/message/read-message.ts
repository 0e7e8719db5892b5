/**
 * A request's headers and body to the message that goes to the device, in one of the two forms of
 * api.md B2, and a refusal that says what is wrong for everything that cannot go to a device.
 */
import type { HeaderLookup } from '#libs/http/plain-headers.ts'
import { decode, encode } from '#libs/wrp/codec.ts'
import { WrpError } from '#libs/wrp/error.ts'
import { fromHeaders } from '#libs/wrp/headers.ts'
import { fromJson } from '#libs/wrp/json.ts'
import { parseDeviceId, type DeviceId } from '#libs/wrp/locator.ts'
import { isTransaction, MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import { validate } from '#libs/wrp/validate.ts'
import { formatOfAccept, formatOfContentType, type AnswerFormat, type WrpFormat } from './format.ts'
import { Refusal } from '#apps/scytale/refusal.ts'

/** A request that {@link readForm} recognised. */
export interface RequestForm {
  /** `headers`: the fields are headers and the body is the payload. Else the body is a message. */
  kind: 'headers' | WrpFormat
  /** What the answer shall be written in. */
  answerFormat: AnswerFormat
}

/**
 * Which form a request has, by its headers alone. Undefined for a request that is no message.
 * @throws {Refusal} 400 when it wants an answer in a format that there is not.
 */
export function readForm(headers: HeaderLookup): RequestForm | undefined {
  const accept = headers.get('accept') ?? undefined
  if (headers.get('x-xmidt-message-type') || headers.get('x-midt-msg-type')) {
    // As upstream, which does not look at Accept here.
    return { kind: 'headers', answerFormat: formatOfAccept(accept, 'msgpack') ?? 'msgpack' }
  }
  const kind = formatOfContentType(headers.get('content-type') ?? undefined)
  if (!kind) return undefined
  const answerFormat = formatOfAccept(accept, kind)
  if (!answerFormat) {
    throw new Refusal(
      400,
      'format-unsupported',
      'Accept takes neither application/json nor application/msgpack',
    )
  }
  return { kind, answerFormat }
}

/** A message that may go to its device. */
export interface DeviceMessage {
  message: WrpMessage
  device: DeviceId
}

/** @throws {Refusal} 400 with what is wrong. */
export function readMessage(
  form: RequestForm,
  headers: HeaderLookup,
  body: Uint8Array,
): DeviceMessage {
  try {
    const message = parse(form, headers, body)
    checkType(message)
    validate(message)
    return { message, device: deviceOf(message) }
  } catch (error) {
    if (!(error instanceof WrpError)) throw error
    throw new Refusal(400, 'message-invalid', `failed to decode wrp: ${error.message}`, {
      cause: error,
    })
  }
}

/** @throws {Refusal} 400 for a message that msgpack cannot hold. */
export function writeMessage(message: WrpMessage): Uint8Array {
  try {
    return encode(message)
  } catch (error) {
    if (!(error instanceof WrpError)) throw error
    throw new Refusal(400, 'message-invalid', `failed to encode wrp: ${error.message}`, {
      cause: error,
    })
  }
}

function parse(form: RequestForm, headers: HeaderLookup, body: Uint8Array): WrpMessage {
  if (form.kind === 'headers') return fromHeaders(headers, body)
  return form.kind === 'json' ? fromJson(new TextDecoder().decode(body)) : decode(body)
}

/** The others are between a device and the cloud, or a service and its agent; no caller sends one. */
function checkType({ msg_type: type, transaction_uuid: transaction }: WrpMessage): void {
  if (type !== MSG_TYPE.event && !isTransaction(type)) {
    throw new Refusal(
      400,
      'message-invalid',
      `a message of type ${type} cannot be sent to a device: only 3 to 8 can`,
    )
  }
  if (isTransaction(type) && !transaction) {
    throw new Refusal(400, 'message-invalid', 'transaction_uuid is required')
  }
}

function deviceOf({ dest = '' }: WrpMessage): DeviceId {
  try {
    return parseDeviceId(dest)
  } catch (error) {
    throw new Refusal(400, 'device-id-invalid', 'dest names no device: invalid device name', {
      cause: error,
    })
  }
}

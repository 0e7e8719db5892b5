/** Whether a message has what its type requires, apart from whether it could be read. wrp.md §1. */
import { hasInvalidUtf8 } from './msgpack/decode.ts'
import { WrpError } from './error.ts'
import { LOCATOR_LENGTH_MAX, parseLocator } from './locator.ts'
import { MSG_TYPE, type WrpMessage } from './message.ts'
import { RDR } from './qos.ts'

type With<Type extends number, Required extends keyof WrpMessage> = WrpMessage & {
  msg_type: Type
} & { [Key in Required]-?: NonNullable<WrpMessage[Key]> }

/** A message that is known to have what its type requires; `msg_type` tells which. */
export type ValidMessage =
  | With<2, 'status'>
  | With<3, 'source' | 'dest' | 'transaction_uuid'>
  | With<4, 'source' | 'dest'>
  | With<5 | 6 | 7 | 8, 'source' | 'dest' | 'transaction_uuid'>
  | With<9, 'service_name' | 'url'>
  | With<10 | 11, never>

/** What must not be there, by type. */
const FORBIDDEN: Readonly<Record<number, readonly (keyof WrpMessage)[]>> = {
  [MSG_TYPE.request]: ['path'],
  [MSG_TYPE.event]: ['accept', 'status', 'path'],
}

const QOS_MAX = 99

/**
 * Narrows a message to its type.
 * @throws {WrpError} MESSAGE_INVALID, whose `rdr` is the specification's: 1 bad format, 2 no
 * source, 3 no dest.
 */
export function validate(message: WrpMessage): ValidMessage {
  const { msg_type: type } = message
  if (!Number.isInteger(type) || type < MSG_TYPE.authorization || type > MSG_TYPE.unknown) {
    throw invalid(`message type ${type} is none of 2 to 11`)
  }
  if (hasInvalidUtf8(message)) throw invalid('a text is no UTF-8')
  if (type === MSG_TYPE.authorization) require(message, 'status')
  else if (type === MSG_TYPE.serviceRegistration) validateRegistration(message)
  else if (type <= MSG_TYPE.delete) validateAddressed(message)
  for (const name of FORBIDDEN[type] ?? []) {
    if (!isEmpty(message[name])) throw invalid(`${name} must not be in a message of type ${type}`)
  }
  return message as ValidMessage
}

function validateAddressed(message: WrpMessage): void {
  requireLocator(message, 'source', RDR.sourceMissing)
  requireLocator(message, 'dest', RDR.destMissing)
  if (message.msg_type !== MSG_TYPE.event) require(message, 'transaction_uuid')
  const qos = message.qos ?? 0
  if (qos < 0 || qos > QOS_MAX) throw invalid(`qos ${qos} is not within 0 to ${QOS_MAX}`)
}

function validateRegistration(message: WrpMessage): void {
  require(message, 'service_name')
  require(message, 'url')
  if (message.service_name?.includes('/')) throw invalid('service_name must not contain "/"')
}

function requireLocator(message: WrpMessage, name: 'source' | 'dest', rdr: number): void {
  const text = message[name]
  if (!text) throw invalid(`${name} is missing`, rdr)
  if (text.length > LOCATOR_LENGTH_MAX) {
    throw invalid(`${name} is longer than ${LOCATOR_LENGTH_MAX} characters`, rdr)
  }
  try {
    parseLocator(text)
  } catch (error) {
    throw invalid(`${name} is no locator`, rdr, error)
  }
}

function require(message: WrpMessage, name: keyof WrpMessage): void {
  if (isEmpty(message[name])) throw invalid(`${name} is missing`)
}

/** Empty collections and texts are not written, so they count as absent; a status of 0 is one. */
function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === ''
}

const invalid = (text: string, rdr: number = RDR.badFormat, cause?: unknown): WrpError =>
  new WrpError('MESSAGE_INVALID', text, { rdr, cause })

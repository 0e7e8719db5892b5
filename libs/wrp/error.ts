/** What is wrong with bytes, text or headers that should be WRP. */

/** Stable codes, for programs; the message is for people. */
export type WrpErrorCode =
  /** Larger than the limit that the reader was given. */
  | 'TOO_LARGE'
  /** More texts in lists and maps, or more fields, than a message may have. */
  | 'TOO_MANY_ENTRIES'
  /** The bytes end inside a value, or a count promises more than there is. */
  | 'TRUNCATED'
  /** Not one map with string keys (an array, a scalar, JSON that is no object). */
  | 'NOT_A_MAP'
  /** A byte that begins no msgpack value, or text that is no JSON. */
  | 'MALFORMED'
  /** A field has a value of a kind that it cannot have. */
  | 'FIELD_INVALID'
  /** A whole number that cannot be kept exactly. */
  | 'NUMBER_OUT_OF_RANGE'
  /** The message type is not there, in a form that must have it. */
  | 'MESSAGE_TYPE_MISSING'
  /** No locator, or no device id. */
  | 'LOCATOR_INVALID'
  /** The message lacks what its type must have, or has what it must not. */
  | 'MESSAGE_INVALID'

/** The one error of this library; any input makes either a result or this. */
export class WrpError extends Error {
  override readonly name = 'WrpError'
  readonly code: WrpErrorCode
  /** The specification's delivery response for it, 1 to 4, where there is one (wrp.md §6). */
  readonly rdr: number | undefined

  constructor(
    code: WrpErrorCode,
    message: string,
    options: { rdr?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.rdr = options.rdr
  }
}

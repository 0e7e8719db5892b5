/** Why a credential is not accepted. */

/** Stable codes. */
export type AuthErrorCode =
  | 'TOKEN_INVALID'
  /** No key that is known signed it: the keys were changed, or it is forged. */
  | 'KEY_UNKNOWN'
  | 'TOKEN_EXPIRED'
  /** Well signed, but by another issuer, for another audience, without an end, or not yet good. */
  | 'CLAIM_REFUSED'
  | 'KEYS_UNAVAILABLE'

/** A token that is not accepted, or cannot be judged as the keys are not to be had. */
export class AuthError extends Error {
  override readonly name = 'AuthError'
  readonly code: AuthErrorCode

  constructor(code: AuthErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

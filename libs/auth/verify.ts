/** Whether a JWT is one that Themis signed for here: its signature, issuer, audience and time. api.md E. */
import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions, decodeJwt } from 'jose'
import { AuthError } from './error.ts'
import { createKeys, type KeysOptions } from './keys.ts'
import {
  createRemembered,
  idOfToken,
  type RememberedCounter,
  type RememberedLimits,
} from './remembered.ts'
import { ANY, type TokenRules } from './token-rules.ts'

/** Signatures with a public key only: with HS… whoever can verify could sign. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
]

/** Clocks differ; upstream's setting of this name works the wrong way round. */
const LEEWAY_SECONDS = 30

/** A longer token is no token: headers end at 16 kB. */
const TOKEN_LENGTH_MAX = 12 * 1024

/** A longer subject is no name of anybody: it becomes an owner's name, and is logged. */
const SUBJECT_LENGTH_MAX = 256

/**
 * What a token says. It has a subject, which is text. The same object may be given for the same
 * token again, so nobody changes it.
 */
export type Claims = Readonly<JWTPayload & { sub: string }>

/** Judges tokens. */
export interface Verifier {
  /** @throws {AuthError} */
  verify(token: string): Promise<Claims>
  /** Whether there are keys that count: without them every token is refused. */
  readonly hasKeys: boolean
  /** Reads the keys where there are none that count or they are old. @throws when they cannot be had. */
  readKeys(): Promise<void>
}

/** What {@link createVerifier} needs. */
export interface VerifierOptions extends KeysOptions {
  /** What a token must say. */
  rules: TokenRules
  leewaySeconds?: number
  /** What is remembered of tokens that were verified. */
  remembered?: RememberedLimits
  /** Counts whether each token was remembered. */
  counter?: RememberedCounter
  /** The time, in milliseconds since 1970. */
  now?: () => number
}

/** A verifier; it asks for the keys when the first token comes. */
export function createVerifier(options: VerifierOptions): Verifier {
  const { rules, leewaySeconds = LEEWAY_SECONDS, counter, now = Date.now } = options
  const wanted = wantedOf(rules)
  const keys = createKeys(options)
  const remembered = createRemembered(options.remembered)
  const judge = async (token: string): Promise<Claims> => {
    const { payload } = await jwtVerify(token, keys.find, {
      algorithms: ALGORITHMS,
      clockTolerance: leewaySeconds,
      currentDate: new Date(now()),
      ...wanted,
    })
    return withSubject(payload)
  }
  return {
    get hasKeys() {
      return keys.isThere
    },
    async readKeys() {
      await (keys.isThere ? keys.refresh() : keys.reload())
    },
    async verify(token) {
      if (token.length > TOKEN_LENGTH_MAX) {
        throw new AuthError('TOKEN_INVALID', 'the token is too long')
      }
      try {
        await keys.refresh()
        const { version, isReading } = keys
        const id = idOfToken(token)
        const known = remembered.find(id, version, now())
        counter?.inc({ outcome: known ? 'hit' : 'miss' })
        if (known) return known
        const claims = await judge(token)
        // Keys that changed in the meantime may have been the ones that verified it.
        if (!isReading && !keys.isReading && keys.version === version) {
          const { length } = token
          remembered.keep(id, claims, { length, untilMs: endOf(claims, rules), nowMs: now() })
        }
        return claims
      } catch (error) {
        if (error instanceof AuthError) throw error
        const judged = authErrorOf(error)
        // Without the keys nothing is judged: who signed it could not be said.
        const isJudged = judged.code !== 'KEYS_UNAVAILABLE'
        throw isJudged && isExpired(token, now() / 1_000 - leewaySeconds) ? expired(error) : judged
      }
    },
  }
}

/**
 * When a token stops being good without a look at it, in milliseconds since 1970. From then on it is
 * judged anew with each request, also while the leeway still lets it in.
 */
function endOf({ exp = Infinity, iat = Infinity }: Claims, { ageMaxMs }: TokenRules): number {
  return Math.min(exp * 1_000, ageMaxMs > 0 ? iat * 1_000 + ageMaxMs : Infinity)
}

/** What jose asks of a token by `rules`. */
function wantedOf({ issuers, audiences, ageMaxMs }: TokenRules): JWTVerifyOptions {
  return {
    ...(!issuers.includes(ANY) && { issuer: [...issuers] }),
    ...(!audiences.includes(ANY) && { audience: [...audiences] }),
    // With an age jose asks for `iat`, but not for an end.
    ...(ageMaxMs > 0 && { maxTokenAge: ageMaxMs / 1_000, requiredClaims: ['exp'] }),
  }
}

/** @throws {AuthError} for a subject that is missing, empty, long, or no text, such as a number. */
function withSubject(payload: JWTPayload): Claims {
  // What jose declares as text is whatever the token's JSON has there.
  const sub: unknown = payload.sub
  if (typeof sub !== 'string' || sub === '' || sub.length > SUBJECT_LENGTH_MAX) {
    throw new AuthError('TOKEN_INVALID', 'the token has no subject that is text')
  }
  return Object.freeze({ ...payload, sub })
}

/**
 * An expired token is expired, whoever signed it. Genuine devices fetch a new one when they are
 * told so, and not when its key is no longer known: after a change of keys they would stay out.
 */
function isExpired(token: string, nowSeconds: number): boolean {
  try {
    const { exp } = decodeJwt(token)
    return exp !== undefined && exp < nowSeconds
  } catch {
    return false
  }
}

const expired = (error: unknown): AuthError =>
  new AuthError('TOKEN_EXPIRED', 'the token has expired', { cause: error })

/** Only what jose says of the token is the token's fault; all else is about the keys. */
function authErrorOf(error: unknown): AuthError {
  const cause = { cause: error }
  if (error instanceof errors.JWTExpired) return expired(error)
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = error
    // `claim` is one of those that are asked for here, never text of the token's.
    const what = reason === 'missing' ? 'is missing' : 'is not what is accepted here'
    return new AuthError('CLAIM_REFUSED', `the token's ${claim} ${what}`, cause)
  }
  const isKeySet =
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    (error instanceof errors.JOSEError && error.code === 'ERR_JOSE_GENERIC')
  if (!(error instanceof errors.JOSEError) || isKeySet) {
    if (error instanceof TypeError && !(error.cause instanceof Error)) {
      return new AuthError('TOKEN_INVALID', 'the token is malformed', cause)
    }
    return new AuthError('KEYS_UNAVAILABLE', 'the keys to verify the token cannot be had', cause)
  }
  const isKeyUnknown =
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWSSignatureVerificationFailed
  if (isKeyUnknown) {
    return new AuthError('KEY_UNKNOWN', 'the token is signed with no key that is known', cause)
  }
  return new AuthError('TOKEN_INVALID', 'the token is not valid', cause)
}

/** Whether a JWT is one that Themis signed for here: its signature, issuer, audience and time. api.md E. */
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyOptions,
  decodeJwt,
} from 'jose'
import { AuthError } from './error.ts'
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

/** How long the keys may take: they are on the same network. */
const KEYS_MS = 5_000

/** A key that is not known is asked for once in this time, however many tokens name it. */
const KEYS_COOLDOWN_MS = 10_000

/** Keys are read again after this, so that one that was withdrawn stops counting. */
const KEYS_MAX_AGE_MS = 600_000

/**
 * Keys that cannot be read again count for this long: devices with a good token shall connect
 * while Themis is away, and a token of its own lives for a day.
 */
const KEYS_STALE_MS = 24 * 3_600_000

/** Clocks differ; upstream's setting of this name works the wrong way round. */
const LEEWAY_SECONDS = 30

/** A longer token is no token: headers end at 16 kB. */
const TOKEN_LENGTH_MAX = 12 * 1024

/** A longer subject is no name of anybody: it becomes an owner's name, and is logged. */
const SUBJECT_LENGTH_MAX = 256

/** What a token says. It has a subject, which is text. */
export type Claims = JWTPayload & { sub: string }

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
export interface VerifierOptions {
  /** Where the key set is, such as `http://themis:6500/.well-known/jwks.json`. */
  jwksUrl: string
  /** What a token must say. */
  rules: TokenRules
  leewaySeconds?: number
  /** From this age on the keys are read again, while they go on counting. */
  keysMaxAgeMs?: number
  /** From this age on keys that cannot be read again count no more. */
  keysStaleMs?: number
}

/** A verifier; it asks for the keys when the first token comes. */
export function createVerifier(options: VerifierOptions): Verifier {
  const { rules, leewaySeconds = LEEWAY_SECONDS } = options
  const wanted = wantedOf(rules)
  const { keys, refresh, hasKeys } = createKeys(options)
  return {
    get hasKeys() {
      return hasKeys()
    },
    async readKeys() {
      await (hasKeys() ? refresh() : keys.reload())
    },
    async verify(token) {
      if (token.length > TOKEN_LENGTH_MAX) {
        throw new AuthError('TOKEN_INVALID', 'the token is too long')
      }
      try {
        await refresh()
        const { payload } = await jwtVerify(token, keys, {
          algorithms: ALGORITHMS,
          clockTolerance: leewaySeconds,
          ...wanted,
        })
        return withSubject(payload)
      } catch (error) {
        if (error instanceof AuthError) throw error
        const judged = authErrorOf(error)
        // Without the keys nothing is judged: who signed it could not be said.
        const isJudged = judged.code !== 'KEYS_UNAVAILABLE'
        throw isJudged && isExpired(token, leewaySeconds) ? expired(error) : judged
      }
    },
  }
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
  return { ...payload, sub }
}

/** The key set and what keeps it fresh: old keys are read again behind the tokens' backs. */
function createKeys(options: VerifierOptions) {
  const { jwksUrl, keysMaxAgeMs = KEYS_MAX_AGE_MS, keysStaleMs = KEYS_STALE_MS } = options
  let readAt: number | undefined
  let triedAt = -Infinity
  const keys = createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: KEYS_MS,
    cooldownDuration: KEYS_COOLDOWN_MS,
    // Their age is judged here, as they must outlast an absence of who publishes them.
    cacheMaxAge: Infinity,
    [customFetch]: async (url, init) => {
      const response = await fetch(url, init)
      if (response.ok) readAt = performance.now()
      return response
    },
  })
  const refresh = async (): Promise<void> => {
    const now = performance.now()
    const ageMs = readAt === undefined ? 0 : now - readAt
    if (ageMs > keysStaleMs) return keys.reload()
    if (ageMs <= keysMaxAgeMs || now - triedAt < Math.min(KEYS_COOLDOWN_MS, keysMaxAgeMs)) return
    triedAt = now
    // The keys that are known go on counting when it fails.
    keys.reload().catch(() => undefined)
  }
  const hasKeys = (): boolean => {
    const isCounting = readAt !== undefined && performance.now() - readAt <= keysStaleMs
    return isCounting && (keys.jwks()?.keys.length ?? 0) > 0
  }
  return { keys, refresh, hasKeys }
}

/**
 * An expired token is expired, whoever signed it. Genuine devices fetch a new one when they are
 * told so, and not when its key is no longer known: after a change of keys they would stay out.
 */
function isExpired(token: string, leewaySeconds: number): boolean {
  try {
    const { exp } = decodeJwt(token)
    return exp !== undefined && exp + leewaySeconds < Date.now() / 1_000
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

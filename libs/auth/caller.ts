/** Who a caller of an API is: by Basic, by JWT, or by an open door. api.md B3. */
import type { Basic } from './basic.ts'
import { capabilitiesOfClaims, partnerIdsOfClaims } from './claims.ts'
import { AuthError } from './error.ts'
import type { Claims, Verifier } from './verify.ts'

/** A caller that is let in; the same object may stand for him with each request. */
export interface Caller {
  readonly kind: 'basic' | 'jwt' | 'open'
  /** The user of Basic or the subject of the token. */
  readonly principal: string
  /** Empty for a token that names none; `*` is all. */
  readonly partners: readonly string[]
  readonly capabilities: readonly string[]
}

/** A caller that is not: 401 for the credential, 503 when it cannot be judged. */
export interface RefusedCaller {
  kind: 'refused'
  status: 401 | 503
  message: string
}

/** Judges the headers of a request. Never rejects. */
export type AuthenticateCaller = (headers: Pick<Headers, 'get'>) => Promise<Caller | RefusedCaller>

/** What {@link createCallerAuthentication} needs; what is absent is not accepted. */
export interface CallerAuthenticationOptions {
  basic?: Basic | undefined
  verifier?: Verifier | undefined
  /** Everybody is let in: for development, and said at start. */
  isOpen: boolean
}

/** The judge of an API's callers. */
export function createCallerAuthentication(
  options: CallerAuthenticationOptions,
): AuthenticateCaller {
  const { basic, verifier, isOpen } = options
  return async (headers) => {
    const authorization = headers.get('authorization')
    if (authorization === null) {
      if (isOpen) return { kind: 'open', principal: 'anybody', partners: ['*'], capabilities: [] }
      return refused('a credential is required: Basic or Bearer in the Authorization header')
    }
    const [, scheme = '', value = ''] = authorization.match(/^(\S+) +(\S+)$/) ?? []
    if (scheme.toLowerCase() === 'basic' && basic) {
      const user = basic(authorization)
      if (user === undefined) return refused('the user or password is wrong')
      return { kind: 'basic', principal: user, partners: ['*'], capabilities: [] }
    }
    if (scheme.toLowerCase() === 'bearer' && verifier) return authenticateToken(verifier, value)
    return refused('the Authorization header has none of the forms that are accepted here')
  }
}

async function authenticateToken(
  verifier: Verifier,
  token: string,
): Promise<Caller | RefusedCaller> {
  try {
    return callerOf(await verifier.verify(token))
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    if (error.code !== 'KEYS_UNAVAILABLE') return refused(error.message)
    return { kind: 'refused', status: 503, message: error.message }
  }
}

/** What was read from claims: a verifier that remembers a token gives the same claims again. */
const callers = new WeakMap<Claims, Caller>()

function callerOf(claims: Claims): Caller {
  const known = callers.get(claims)
  if (known) return known
  const caller: Caller = {
    kind: 'jwt',
    principal: claims.sub,
    partners: partnerIdsOfClaims(claims),
    capabilities: capabilitiesOfClaims(claims),
  }
  callers.set(claims, caller)
  return caller
}

const refused = (message: string): RefusedCaller => ({ kind: 'refused', status: 401, message })

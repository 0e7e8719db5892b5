/** What a token must say, besides having a good signature, to open a door; and the doors left open. */
import type { Logger } from '#libs/log/logger.ts'

/** Stands for "any, or none at all" among issuers and audiences. */
export const ANY = '*'

/** What a token must say. */
export interface TokenRules {
  /** One of them is its `iss`; with {@link ANY} it need not have one. */
  issuers: readonly string[]
  /** One of them is in its `aud`; with {@link ANY} it need not have one. */
  audiences: readonly string[]
  /** How long ago it may have been issued; then it also needs an `exp`. 0: neither is asked for. */
  ageMaxMs: number
}

/**
 * Says each rule that a setting has taken away, as every open door is said at the start. `prefix` is
 * that of the app's settings, such as `TALARIA`.
 */
export function warnOfOpenRules(prefix: string, rules: TokenRules, log: Logger): void {
  if (rules.issuers.includes(ANY)) {
    log.warn(`tokens of any issuer are accepted: ${prefix}_TOKEN_ISSUER is ${ANY}`)
  }
  if (rules.audiences.includes(ANY)) {
    log.warn(`tokens for any audience are accepted: ${prefix}_TOKEN_AUDIENCE is ${ANY}`)
  }
  if (rules.ageMaxMs === 0) {
    log.warn(`tokens without an end and of any age are accepted: ${prefix}_TOKEN_AGE_MAX_MS is 0`)
  }
}

/** The settings of every door that takes tokens. Their defaults are what Themis issues by default. */
import { durationMs, list } from './fields.ts'

/** The `iss` and `aud` of Themis' tokens, and for how long they are good, unless it is told otherwise. */
export const TOKEN_DEFAULTS = {
  issuer: 'themis',
  audience: 'XMiDT',
  ageMs: 24 * 3_600_000,
} as const

/** Whose tokens are taken. */
export const tokenIssuer = () =>
  list('What the `iss` of a token must be, one of these; `*` takes any, or none.', [
    TOKEN_DEFAULTS.issuer,
  ])

/** For whom they must be meant. */
export const tokenAudience = () =>
  list('What must be in the `aud` of a token, one of these; `*` takes any, or none.', [
    TOKEN_DEFAULTS.audience,
  ])

/** How old they may be. */
export const tokenAgeMax = () =>
  durationMs(
    'How long ago a token may have been issued; it needs `iat` and `exp` for that. 0 asks for ' +
      'neither, and takes tokens that never end.',
    TOKEN_DEFAULTS.ageMs,
  )

/** What the tests' own tokens say as Themis' do, so that every door takes them by default. */
import { TOKEN_DEFAULTS } from '#libs/config/tokens.ts'

/** Whose they are and for whom; `exp` and `iat` are set where they are signed. */
export const TOKEN_CLAIMS = { iss: TOKEN_DEFAULTS.issuer, aud: TOKEN_DEFAULTS.audience } as const

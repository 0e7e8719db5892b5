/** A key set that is published, and tokens that it signs, as Themis' are. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { serve } from '#libs/http/server.ts'
import { TOKEN_CLAIMS } from './token-claims.ts'

/** Disposing them ends the publishing. */
export interface TestKeys extends AsyncDisposable {
  /** Where the set is. */
  readonly url: string
  sign(claims: Record<string, unknown>): Promise<string>
}

/** Makes a key and publishes it. */
export async function startTestKeys(): Promise<TestKeys> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }
  const fetch = (): Response => Response.json({ keys: [jwk] })
  const server = await serve({ fetch, hostname: '127.0.0.1', port: 0 })
  return {
    url: server.url,
    sign: (claims) =>
      new SignJWT({ ...TOKEN_CLAIMS, sub: 'somebody', ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'k' })
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(privateKey),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

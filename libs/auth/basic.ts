/** HTTP Basic credentials, compared without telling by time how much of one was right. */
import { hash, timingSafeEqual } from 'node:crypto'

/** The name of the caller whose credential an `Authorization` value holds; undefined for none. */
export type Basic = (authorization: string) => string | undefined

/** A check against `credentials`, each `user:password`; entries that lack one of them never match. */
export function createBasic(credentials: readonly string[]): Basic {
  const known = credentials
    .filter((credential) => /^[^:]+:./s.test(credential))
    .map((credential) => ({ user: userOfCredential(credential), digest: digestOf(credential) }))
  return (authorization) => {
    const [, encoded] = authorization.match(/^basic +([A-Za-z0-9+/=_-]+)$/i) ?? []
    if (encoded === undefined) return undefined
    const digest = digestOf(Buffer.from(encoded, 'base64').toString('utf8'))
    let found: string | undefined
    // All are compared, so that the time says nothing about which one came close.
    for (const { user, digest: wanted } of known) if (timingSafeEqual(digest, wanted)) found = user
    return found
  }
}

/** The user of `user:password`. */
export const userOfCredential = (credential: string): string =>
  credential.slice(0, Math.max(0, credential.indexOf(':')))

const digestOf = (text: string): Buffer => hash('sha256', text, 'buffer')

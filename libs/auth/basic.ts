/** HTTP Basic credentials, compared without telling by time how much of one was right. */
import { hash, timingSafeEqual } from 'node:crypto'

/** The name of the caller whose credential an `Authorization` value holds; undefined for none. */
export type Basic = (authorization: string) => string | undefined

/** A value that is longer is compared by its digest alone. */
const EXACT_BYTES_MAX = 512
const PADDED_BYTES = EXACT_BYTES_MAX + 4

/** A check against `credentials`, each `user:password`; entries that lack one of them never match. */
export function createBasic(credentials: readonly string[]): Basic {
  const known = credentials
    .filter((credential) => /^[^:]+:./s.test(credential))
    .map((credential) => ({
      user: userOfCredential(credential),
      exact: exactOf(`Basic ${Buffer.from(credential, 'utf8').toString('base64')}`),
      digest: digestOf(credential),
    }))
  // All are compared, so that the time says nothing about which one came close.
  const find = (given: Buffer, by: 'exact' | 'digest'): string | undefined => {
    let found: string | undefined
    for (const one of known) if (timingSafeEqual(given, one[by])) found = one.user
    return found
  }
  const padded = paddedOf('')
  return (authorization) => {
    // Nearly all callers write theirs in the one usual way, which needs neither decoding nor a digest.
    const user = find(paddedOf(authorization, padded), 'exact')
    if (user !== undefined) return user
    const [, encoded] = authorization.match(/^basic +([A-Za-z0-9+/=_-]+)$/i) ?? []
    if (encoded === undefined) return undefined
    return find(digestOf(Buffer.from(encoded, 'base64').toString('utf8')), 'digest')
  }
}

/** The user of `user:password`. */
export const userOfCredential = (credential: string): string =>
  credential.slice(0, Math.max(0, credential.indexOf(':')))

const digestOf = (text: string): Buffer => hash('sha256', text, 'buffer')

/** What only this value is equal to; for a longer one what no value is equal to, as none is so long. */
const exactOf = (value: string): Buffer =>
  value.length <= EXACT_BYTES_MAX ? paddedOf(value) : Buffer.alloc(PADDED_BYTES, 0xff)

/**
 * The text, cut where it is too long, in a buffer that is equally long for each: a comparison that
 * ends with the text would tell how long it is. Behind it is its length, so that no byte of the padding
 * counts as one of the text.
 */
function paddedOf(text: string, padded: Buffer = Buffer.alloc(PADDED_BYTES)): Buffer {
  padded.fill(0)
  padded.write(text, 0, EXACT_BYTES_MAX, 'utf8')
  padded.writeUInt32LE(text.length, EXACT_BYTES_MAX)
  return padded
}

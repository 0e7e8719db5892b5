/** The signatures of a delivery, for receivers of every generation. caduceus.md §4.4, §11. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'

/** How Standard Webhooks marks a secret whose key is the base64 after it. */
const STANDARD_PREFIX = 'whsec_'

/** A secret as a ready key: to make the key anew for each signature takes a third of its time. */
export interface SigningKeys {
  /** The secret's own bytes. */
  readonly plain: KeyObject
  /** What Standard Webhooks signs with: the bytes after {@link STANDARD_PREFIX}, where it is there. */
  readonly standard: KeyObject
}

/** Makes a secret ready. */
export function signingKeysOf(secret: string): SigningKeys {
  const plain = createSecretKey(secret, 'utf8')
  if (!secret.startsWith(STANDARD_PREFIX)) return { plain, standard: plain }
  return { plain, standard: createSecretKey(secret.slice(STANDARD_PREFIX.length), 'base64') }
}

/** What is signed. */
export interface Signing {
  /** Same in each attempt. */
  id: string
  /** When the attempt is made, in seconds since 1970. */
  timestampSeconds: number
  /** The exact bytes that are sent. */
  body: Uint8Array
}

/**
 * Header names and values in turn. `X-Webpa-Signature` has sha1 alone, as receivers in the field
 * compare the whole value; `Xmidt-Signature`, which wrp-listener prefers, has a line for each
 * algorithm.
 */
export function signatureHeaders(keys: SigningKeys, signing: Signing): string[] {
  const { id, timestampSeconds, body } = signing
  const hex = (algorithm: string): string =>
    `${algorithm}=${createHmac(algorithm, keys.plain).update(body).digest('hex')}`
  const sha1 = hex('sha1')
  const standard = createHmac('sha256', keys.standard)
    .update(`${id}.${timestampSeconds}.`)
    .update(body)
    .digest('base64')
  return [
    'X-Webpa-Signature',
    sha1,
    'Xmidt-Signature',
    sha1,
    'Xmidt-Signature',
    hex('sha256'),
    'webhook-signature',
    `v1,${standard}`,
  ]
}

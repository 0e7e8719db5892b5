/** The signatures of a delivery, for receivers of every generation. caduceus.md §4.4, §11. */
import { createHmac } from 'node:crypto'

/** How Standard Webhooks marks a secret whose key is the base64 after it. */
const STANDARD_PREFIX = 'whsec_'

/** What is signed, and with what. */
export interface Signing {
  secret: string
  /** Same in each attempt. */
  id: string
  /** When the attempt is made, in seconds since 1970. */
  timestampSeconds: number
  /** The exact bytes that are sent. */
  body: Uint8Array
}

/**
 * Header names and values. `X-Webpa-Signature` has sha1 alone, as receivers in the field compare
 * the whole value; `Xmidt-Signature`, which wrp-listener prefers, has a line for each algorithm.
 */
export function signatureHeaders(signing: Signing): [name: string, value: string][] {
  const { secret, id, timestampSeconds, body } = signing
  const hex = (algorithm: string): string =>
    `${algorithm}=${createHmac(algorithm, secret).update(body).digest('hex')}`
  const sha1 = hex('sha1')
  const standard = createHmac('sha256', standardKey(secret))
    .update(`${id}.${timestampSeconds}.`)
    .update(body)
    .digest('base64')
  return [
    ['X-Webpa-Signature', sha1],
    ['Xmidt-Signature', sha1],
    ['Xmidt-Signature', hex('sha256')],
    ['webhook-signature', `v1,${standard}`],
  ]
}

const standardKey = (secret: string): Uint8Array | string =>
  secret.startsWith(STANDARD_PREFIX)
    ? Buffer.from(secret.slice(STANDARD_PREFIX.length), 'base64')
    : secret

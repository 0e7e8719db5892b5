/**
 * The keys under which the webhooks' secrets lie in NATS, so that who may read the bucket, or its
 * files on a disk or in a backup, can sign nothing in Caduceus' name. AES-256-GCM, bound to the URL.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { secret } from '#libs/config/fields.ts'

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
/** What the mode is made for. */
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** A sealed secret. */
export const sealedSecret = z.object({
  /** The key's name in the configuration. */
  key: z.string(),
  /** Nonce, sealed bytes and tag, in base64. */
  data: z.string(),
})

/** A sealed secret. */
export type SealedSecret = z.infer<typeof sealedSecret>

/** A key and what it is called. */
export interface SecretKey {
  id: string
  key: Buffer
}

/** A secret cannot be opened; the message says which key is missing or that it was changed. */
export class SealError extends Error {
  override readonly name = 'SealError'
  readonly code = 'SECRET_SEALED'
}

/** The variable: `name:key` pairs, each key 32 bytes in base64. */
export function secretKeysField(about: string) {
  return secret(about, '')
    .transform((text, context): readonly SecretKey[] => {
      const keys = text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
        .map((part) => {
          const colon = part.indexOf(':')
          return { id: part.slice(0, colon), key: Buffer.from(part.slice(colon + 1), 'base64') }
        })
      const isUsable = keys.every(
        ({ id, key }) => /^[A-Za-z0-9_-]{1,32}$/.test(id) && key.length === KEY_BYTES,
      )
      if (isUsable && new Set(keys.map(({ id }) => id)).size === keys.length) return keys
      const message =
        'must be name:key pairs, names different, each key 32 bytes in base64: openssl rand -base64 32'
      context.addIssue({ code: 'custom', message })
      return z.NEVER
    })
    .meta({ description: about, kind: 'secret list', isSecret: true })
}

/** Seals `text` with the first of `keys` for the webhook of `url`. @throws {SealError} without any. */
export function sealSecret(keys: readonly SecretKey[], text: string, url: string): SealedSecret {
  const [first] = keys
  if (!first) throw new SealError('there is no key to seal a secret with')
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, first.key, nonce).setAAD(Buffer.from(url))
  const sealed = Buffer.concat([
    nonce,
    cipher.update(text, 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ])
  return { key: first.id, data: sealed.toString('base64') }
}

/** The secret that was sealed for the webhook of `url`. @throws {SealError} */
export function openSecret(keys: readonly SecretKey[], sealed: SealedSecret, url: string): string {
  const found = keys.find(({ id }) => id === sealed.key)
  if (!found) throw new SealError(`the secret is sealed with a key that is not here: ${sealed.key}`)
  const bytes = Buffer.from(sealed.data, 'base64')
  try {
    const decipher = createDecipheriv(CIPHER, found.key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(Buffer.from(url))
      .setAuthTag(bytes.subarray(-TAG_BYTES))
    const opened = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
    return Buffer.concat([opened, decipher.final()]).toString('utf8')
  } catch (error) {
    throw new SealError('the secret was changed, or is of another webhook', { cause: error })
  }
}

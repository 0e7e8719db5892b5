/** The key that Themis signs with: one file, made at first start, the same after every restart. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  type KeyObject,
} from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeDirectory } from '#libs/files/make-directory.ts'

/** P-256: small tokens, and every JWT library knows it. */
const CURVE = 'prime256v1'

/** The algorithm that goes with {@link CURVE}. */
export const ALGORITHM = 'ES256'

/** The key file cannot be used. */
export class KeyError extends Error {
  readonly code = 'KEY_INVALID'
  override readonly name = 'KeyError'
}

/** A private key, what its public half is called, and that half in both forms that are published. */
export interface SigningKey {
  kid: string
  privateKey: KeyObject
  jwk: Record<string, unknown>
  pem: string
}

/**
 * Reads the key of `file`, or makes one there, readable by its owner only.
 * @throws {KeyError} when it is no P-256 key, or the file can be neither read nor made.
 */
export function openKey(file: string): SigningKey {
  let privateKey: KeyObject
  try {
    privateKey = createPrivateKey(readOrMake(file))
  } catch (error) {
    throw new KeyError(`the key file ${file} cannot be used: ${(error as Error).message}`, {
      cause: error,
    })
  }
  if (privateKey.asymmetricKeyDetails?.namedCurve !== CURVE) {
    throw new KeyError(`the key in ${file} is no P-256 key, which ${ALGORITHM} needs`)
  }
  const publicKey = createPublicKey(privateKey)
  const jwk = publicKey.export({ format: 'jwk' })
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
  // Named by its content, so that a new key never has the name of an old one.
  const kid = createHash('sha256').update(pem).digest('base64url').slice(0, 16)
  return { kid, privateKey, jwk: { ...jwk, kid, alg: ALGORITHM, use: 'sig' }, pem }
}

function readOrMake(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: CURVE })
  makeDirectory(dirname(file))
  // Never over a file that is there, whose mode would stay.
  const temporary = `${file}.${randomUUID()}`
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' })
  writeFileSync(temporary, pem, { mode: 0o600, flag: 'wx', flush: true })
  try {
    // A link fails where another process was faster; then its key is the one.
    linkSync(temporary, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(temporary, { force: true })
  }
  return readFileSync(file, 'utf8')
}

/** The JWT that the device presents: fetched from Themis, kept until shortly before it runs out. */
import { decodeJwt } from 'jose'
import { fetch, type Dispatcher } from 'undici'
import { tokenHeaders, type DeviceIdentity } from '#apps/parodus/identity.ts'
import type { Logger } from '#libs/log/logger.ts'

/** Genuine Parodus gives its issuer 25 s. */
const THEMIS_MS = 25_000

/** Twice what genuine Parodus takes, and still within the headers that servers read. */
const TOKEN_BYTES_MAX = 8 * 1024

/** So long before its end a token is not presented any more: the clocks differ. */
const EARLY_MS = 60_000

/** No token could be had. */
export class CredentialError extends Error {
  readonly code = 'CREDENTIAL_UNAVAILABLE'
  override readonly name = 'CredentialError'
}

/** The device's credential. */
export interface Credential {
  /** The token; undefined when none is configured. @throws {CredentialError} */
  obtain(signal: AbortSignal): Promise<string | undefined>
  /** The fabric refused it: the next is a new one. */
  invalidate(): void
}

/** What {@link createCredential} needs. */
export interface CredentialOptions {
  /** May carry user and password; empty for a device without a token. */
  themisUrl: string
  identity: DeviceIdentity
  /** The connections to Themis, where they are not as usual: they show a certificate. */
  connections?: Dispatcher | undefined
  log: Logger
}

/** A credential that has not been fetched. */
export function createCredential({
  themisUrl,
  identity,
  connections,
  log,
}: CredentialOptions): Credential {
  let token: string | undefined
  let expiresAtMs = 0
  return {
    async obtain(signal) {
      if (themisUrl === '') return undefined
      if (token !== undefined && Date.now() < expiresAtMs - EARLY_MS) return token
      token = await fetchToken({ themisUrl, identity, connections }, signal)
      expiresAtMs = expiryOf(token)
      log.info({ deviceId: identity.deviceId }, 'credential obtained')
      return token
    },
    invalidate() {
      token = undefined
    },
  }
}

async function fetchToken(
  { themisUrl, identity, connections }: Omit<CredentialOptions, 'log'>,
  signal: AbortSignal,
): Promise<string> {
  const url = new URL(themisUrl)
  const headers = tokenHeaders(identity)
  if (url.username !== '') {
    const credential = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    headers.Authorization = `Basic ${Buffer.from(credential).toString('base64')}`
    url.username = ''
    url.password = ''
  }
  try {
    const within = AbortSignal.any([signal, AbortSignal.timeout(THEMIS_MS)])
    const response = await fetch(url, {
      headers,
      signal: within,
      redirect: 'error',
      ...(connections ? { dispatcher: connections } : {}),
    })
    const text = await readText(response)
    if (response.status !== 200)
      throw new Error(`it answered ${response.status}: ${text.slice(0, 200)}`)
    if (text === '') throw new Error('it answered no token')
    return text
  } catch (error) {
    throw new CredentialError(`no token from ${url.host}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** The body as text; a longer one than a token can be is not read to its end. */
async function readText(response: Awaited<ReturnType<typeof fetch>>): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > TOKEN_BYTES_MAX) throw new Error(`its answer is over ${TOKEN_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString().trim()
}

/** A token that does not say when it ends is asked for again with each connection. */
function expiryOf(token: string): number {
  try {
    return (decodeJwt(token).exp ?? 0) * 1_000
  } catch {
    return 0
  }
}

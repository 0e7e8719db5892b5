/** The key set that tokens are verified with, read from who publishes it and kept fresh. */
import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose'

/** How long the keys may take: they are on the same network. */
const KEYS_MS = 5_000

/** A key that is not known is asked for once in this time, however many tokens name it. */
const KEYS_COOLDOWN_MS = 10_000

/** Keys are read again after this, so that one that was withdrawn stops counting. */
const KEYS_MAX_AGE_MS = 600_000

/**
 * Keys that cannot be read again count for this long: devices with a good token shall connect
 * while Themis is away, and a token of its own lives for a day.
 */
const KEYS_STALE_MS = 24 * 3_600_000

/** What {@link createKeys} needs. */
export interface KeysOptions {
  /** Where the key set is, such as `http://themis:6500/.well-known/jwks.json`. */
  jwksUrl: string
  /** From this age on the keys are read again, while they go on counting. */
  keysMaxAgeMs?: number
  /** From this age on keys that cannot be read again count no more. */
  keysStaleMs?: number
}

/** A key set. */
export interface Keys {
  /** Finds the key that a token names. */
  readonly find: JWTVerifyGetKey
  /**
   * Changes with each key set that differs from the one before it, and before that one is used; so
   * what was verified with keys that have gone can be forgotten in time.
   */
  readonly version: number
  /** While they are read, {@link version} may be ahead of the keys that {@link find} finds. */
  readonly isReading: boolean
  /** Whether there are keys that count. */
  readonly isThere: boolean
  /** Reads them, and waits for it. @throws when they cannot be had. */
  reload(): Promise<void>
  /**
   * Reads old keys again in the background; a token waits only where the keys count no more.
   * @throws when those cannot be had.
   */
  refresh(): Promise<void>
}

/** A key set, which is read when it is first asked for a key. */
export function createKeys(options: KeysOptions): Keys {
  const { jwksUrl, keysMaxAgeMs = KEYS_MAX_AGE_MS, keysStaleMs = KEYS_STALE_MS } = options
  let readAt: number | undefined
  let triedAt = -Infinity
  let text: string | undefined
  let version = 0
  const keys = createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: KEYS_MS,
    cooldownDuration: KEYS_COOLDOWN_MS,
    // Their age is checked here, as keys must stay valid while whoever publishes them is away.
    cacheMaxAge: Infinity,
    [customFetch]: async (url, init) => {
      const response = await fetch(url, init)
      if (!response.ok) return response
      const published = await response.text()
      readAt = performance.now()
      if (published !== text) version += 1
      text = published
      return new Response(published, { status: response.status, headers: response.headers })
    },
  })
  return {
    find: keys,
    get version() {
      return version
    },
    get isReading() {
      return keys.reloading
    },
    get isThere() {
      const isCounting = readAt !== undefined && performance.now() - readAt <= keysStaleMs
      return isCounting && (keys.jwks()?.keys.length ?? 0) > 0
    },
    reload: () => keys.reload(),
    async refresh() {
      const now = performance.now()
      const ageMs = readAt === undefined ? 0 : now - readAt
      if (ageMs > keysStaleMs) return keys.reload()
      if (ageMs <= keysMaxAgeMs || now - triedAt < Math.min(KEYS_COOLDOWN_MS, keysMaxAgeMs)) return
      triedAt = now
      // The keys that are known go on counting when it fails.
      keys.reload().catch(() => undefined)
    },
  }
}

/**
 * Leases over a bucket: whoever is there puts his entry again and again, and whoever has not for
 * one time to live is gone. Membership of the Talarias is built on it.
 */
import type { Logger } from '#libs/log/logger.ts'
import { wait } from '#libs/retry/wait.ts'
import type { Bucket } from './bucket.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'

/** Renewals in one time to live: two may be lost before anybody thinks that the holder is gone. */
const RENEWALS_PER_TTL = 3

/** Renewals of many holders spread by a tenth, so that they do not come as one. */
const JITTER = 0.1

/**
 * A renewal that failed is tried again after this: while a cluster elects a leader requests are lost,
 * and a lease has no time to spare for a whole period.
 */
const RETRY_MS = 500

/** How long giving up may take: a server that is there answers in milliseconds. */
const GIVE_UP_MS = 1_000

/** A lease that is held. Disposing it gives it up at once. */
export interface Lease extends AsyncDisposable {
  /** Renews now, as the value has changed. Never rejects; a failure is logged and tried again. */
  renew(): Promise<void>
}

/** How leases are held and watched. */
export interface LeaseOptions {
  ttlMs: number
  nats: Nats
  log: Logger
}

/** What {@link holdLease} needs besides the bucket, the key and the value. */
export interface HoldOptions extends LeaseOptions {
  /** The lease was renewed so late that others may have taken its holder for gone meanwhile. */
  onLapse?: () => void
}

/**
 * A renewal that comes later than this share of the time to live is told as late: the rest is for
 * what a watcher's own clock and the way there make of it.
 */
const LAPSE_SHARE = 2 / 3

/**
 * Takes the lease of `key` and renews it with what `value` says then, until disposed; at once when
 * NATS is back, as it may have run out meanwhile.
 */
export async function holdLease<T>(
  bucket: Bucket<T>,
  key: string,
  value: () => T,
  { ttlMs, log, nats, onLapse }: HoldOptions,
): Promise<Lease> {
  let isHeld = true
  let renewedAt: number | undefined
  let timer: NodeJS.Timeout | undefined
  let isFailing = false
  let renewing = Promise.resolve()

  const put = async (): Promise<void> => {
    if (!isHeld) return
    const begunAt = performance.now()
    try {
      await bucket.put(key, value())
      const isLate = renewedAt !== undefined && performance.now() - renewedAt > ttlMs * LAPSE_SHARE
      renewedAt = begunAt
      if (isLate) onLapse?.()
      if (isFailing) log.info({ key }, 'lease renewed again')
      isFailing = false
    } catch (error) {
      if (!isFailing) log.warn({ key, error: String(error) }, 'lease cannot be renewed')
      isFailing = true
    }
  }
  const schedule = (): void => {
    clearTimeout(timer)
    if (!isHeld) return
    const periodMs = ttlMs / RENEWALS_PER_TTL
    const nextMs = isFailing ? Math.min(RETRY_MS, periodMs) : periodMs
    const waitMs = nextMs * (1 + JITTER * (2 * Math.random() - 1))
    timer = setTimeout(() => void renew(), waitMs)
  }
  // One after the other: an old value must never land over a newer one.
  const renew = (): Promise<void> => (renewing = renewing.then(put).then(schedule))

  await renew()
  const unlisten = nats.onConnectedChange((isConnected) => {
    if (isConnected) void renew()
  })
  return {
    renew,
    async [Symbol.asyncDispose]() {
      isHeld = false
      unlisten()
      clearTimeout(timer)
      const givenUp = renewing
        .then(() => bucket.delete(key))
        .then(
          () => true,
          () => false,
        )
      // Without NATS the client would wait for its own time-out, and so would the end of the app.
      const isGivenUp = await Promise.race([givenUp, wait(GIVE_UP_MS).then(() => false)])
      if (!isGivenUp) log.warn({ key }, 'lease could not be given up, it will run out')
    },
  }
}

/** Who holds leases at the moment, kept up to date until disposed. */
export interface Leases<T> extends AsyncDisposable {
  current(): ReadonlyMap<string, T>
  /** Calls `listener` after each change of {@link current}. */
  onChange(listener: (current: ReadonlyMap<string, T>) => void): void
  /** The list may be old: NATS is away, or holders ran out and are kept (see below). */
  readonly isStale: boolean
}

/** What {@link watchLeases} needs besides the bucket. */
export interface WatchOptions extends LeaseOptions {
  /** Called with the key of each who did not renew, after the change of {@link Leases.current}. */
  onRanOut?: (key: string) => void
}

/**
 * Watches the leases of `bucket`; resolves when those that are there are known. Who gives his lease
 * up is gone at once; who does not renew it, after one time to live. While NATS is away nobody runs
 * out, and neither does anybody while nobody at all renews: then the likely cause is our own view,
 * and a list that was good is better than none.
 */
export async function watchLeases<T>(
  bucket: Bucket<T>,
  { ttlMs, log, nats, onRanOut }: WatchOptions,
): Promise<Leases<T>> {
  const holders = new Map<string, { revision: number; renewedAt: number }>()
  const values = new Map<string, T>()
  const listeners = new Set<(current: ReadonlyMap<string, T>) => void>()
  const ending = new AbortController()
  // Of anybody: the sign that we see what happens.
  let lastRenewalAt = performance.now()
  let areOldKept = false

  const tell = (): void => listeners.forEach((listener) => listener(values))
  const remove = (key: string): void => {
    holders.delete(key)
    if (values.delete(key)) tell()
  }
  const sweep = (): void => {
    const now = performance.now()
    if (!nats.isConnected) {
      // Nobody can renew what we could see; each gets a whole time to live once we see again.
      for (const holder of holders.values()) holder.renewedAt = now
      return
    }
    const old = [...holders].filter(([, { renewedAt }]) => now - renewedAt > ttlMs)
    const isBlind = now - lastRenewalAt > ttlMs / 2
    if (old.length > 0 && isBlind && !areOldKept) {
      log.warn({ count: old.length }, 'leases ran out and are kept as nobody renews')
    }
    areOldKept = old.length > 0 && isBlind
    if (areOldKept) return
    for (const [key] of old) {
      log.warn({ key }, 'lease ran out')
      remove(key)
      onRanOut?.(key)
    }
  }

  const { promise: ready, resolve: onReady } = Promise.withResolvers<void>()
  const watching = bucket.watch({
    signal: ending.signal,
    onPut(key, value, revision) {
      // A watch that begins anew tells again what is known: that is no renewal.
      if (holders.get(key)?.revision === revision) return
      lastRenewalAt = performance.now()
      areOldKept = false
      const isSame = JSON.stringify(values.get(key)) === JSON.stringify(value)
      holders.set(key, { revision, renewedAt: lastRenewalAt })
      values.set(key, value)
      if (!isSame) tell()
    },
    onGone(key, reason) {
      // What NATS let run out is for us to judge: after a long absence of NATS everybody is.
      if (reason === 'deleted') remove(key)
    },
    onReplaced: () => holders.forEach((holder) => (holder.revision = 0)),
    onReady,
  })
  await ready
  const timer = setInterval(sweep, Math.max(50, ttlMs / 5))
  return {
    current: () => values,
    onChange(listener) {
      listeners.add(listener)
    },
    get isStale() {
      return !nats.isConnected || areOldKept
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      ending.abort()
      await watching
    },
  }
}

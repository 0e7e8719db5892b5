/**
 * Whether tokens can be verified at all, looked at again and again: one log line when that ends and
 * one when it is so again, a gauge, and a sentence for readiness.
 */
import type { Logger } from '#libs/log/logger.ts'
import type { Measuring } from '#libs/metrics/labels.ts'
import type { AppRegistry } from '#libs/metrics/registry.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { untilAborted } from '#libs/retry/until-aborted.ts'
import { wait } from '#libs/retry/wait.ts'
import type { Verifier } from './verify.ts'

/** Waits while there are no keys: who publishes them may come at any moment. */
const MISSING_BACKOFF = { firstMs: 250, maxMs: 5_000 }

/** How often keys that there are get looked at: they are read anew only once they are old. */
const LOOK_MS = 10_000

/** Where the keys of an app are shown: 1 also where nobody watches, as no token is taken. */
export function createKeysGauge(registry: AppRegistry): Measuring<Record<never, never>> {
  const gauge = registry.gauge(
    'keys_available',
    '0 while the keys that verify tokens cannot be had, and every token is refused.',
  )
  gauge.set(1)
  return gauge
}

/** Watches until disposed. */
export interface KeysWatch extends AsyncDisposable {
  /** Why no token can be verified; undefined while they can. */
  readonly fault: string | undefined
}

/** What {@link watchKeys} needs. */
export interface KeysWatchOptions {
  verifier: Verifier
  gauge: Measuring<Record<never, never>>
  log: Logger
}

/** Begins to watch; resolves after the first look, whatever it found. */
export async function watchKeys(options: KeysWatchOptions): Promise<KeysWatch> {
  const { verifier, gauge, log } = options
  const ending = new AbortController()
  const { signal } = ending
  const backoff = createBackoff(MISSING_BACKOFF)
  let isTold = false
  const look = async (): Promise<void> => {
    const error = await untilAborted(verifier.readKeys(), signal).catch(
      (failure: unknown) => failure,
    )
    if (signal.aborted) return
    gauge.set(verifier.hasKeys ? 1 : 0)
    if (verifier.hasKeys) {
      backoff.reset()
      if (isTold) log.info('there are keys again, tokens are verified')
    } else if (!isTold) {
      log.error({ error: String(error) }, 'the keys cannot be had: every token is refused')
    }
    isTold = !verifier.hasKeys
  }
  const lookForEver = async (): Promise<void> => {
    while (await wait(verifier.hasKeys ? LOOK_MS : backoff.nextMs(), signal)) await look()
  }
  await look()
  const looking = lookForEver()
  return {
    get fault() {
      return verifier.hasKeys ? undefined : 'the keys cannot be had: every token is refused'
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      await looking
    },
  }
}

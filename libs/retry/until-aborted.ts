/** Waiting for an answer that may not come, without keeping an end waiting for it. */

/**
 * Resolves and rejects as `promise` does, or rejects with the signal's reason as soon as it aborts.
 * @param dispose is given what comes after that, so that nothing is left open.
 */
export function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  dispose: (late: T) => void = () => undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
      promise.then(dispose, () => undefined)
    }
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

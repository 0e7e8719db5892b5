/** When a person or a supervisor wants `up` to end. */

/**
 * Ctrl-C under `npm start` arrives twice, from the terminal and from npm; only a signal that comes
 * later than this is a person who does not want to wait.
 */
const SAME_SIGNAL_MS = 1_000

/** Resolves at the first SIGINT, SIGTERM or SIGHUP; a later second one ends the process at once. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | undefined
    const onSignal = (): void => {
      if (firstAt !== undefined && performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(1)
      firstAt ??= performance.now()
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  })
}

/**
 * Whether there is a connection to publish on. The client waits for an acknowledgement until its
 * own time-out although the connection that it would come by is gone; here that shows at once.
 */
import type { Nats } from '#libs/nats/connection/connect.ts'

/** The connection was lost while something was on its way: whether it arrived is not known. */
class LinkLostError extends Error {
  override readonly name = 'LinkLostError'
  readonly code = 'LINK_LOST'
}

/** Follows a connection until disposed. */
export interface Link extends Disposable {
  /** Whether there is one at this moment. */
  readonly isUpNow: boolean
  /** Resolves with true as soon as there is a connection, with false after `waitMs` or at the abort. */
  isUp(waitMs: number, signal: AbortSignal): Promise<boolean>
  /** What `work` comes to, or a rejection as soon as the connection is lost. */
  whileUp<T>(work: Promise<T>): Promise<T>
}

/** The link of one connection. */
export function createLink(nats: Nats): Link {
  const waiting = new Set<() => void>()
  const working = new Set<(error: Error) => void>()
  const unlisten = nats.onConnectedChange((isConnected) => {
    if (isConnected) for (const wake of waiting) wake()
    else for (const fail of working) fail(new LinkLostError('the connection was lost'))
  })
  return {
    get isUpNow() {
      return nats.isConnected
    },
    isUp(waitMs, signal) {
      if (nats.isConnected) return Promise.resolve(true)
      if (signal.aborted || waitMs <= 0) return Promise.resolve(false)
      return new Promise((resolve) => {
        const finish = (isUp: boolean): void => {
          clearTimeout(timer)
          waiting.delete(wake)
          signal.removeEventListener('abort', onAbort)
          resolve(isUp)
        }
        const wake = (): void => finish(true)
        const onAbort = (): void => finish(false)
        const timer = setTimeout(() => finish(false), waitMs)
        signal.addEventListener('abort', onAbort)
        waiting.add(wake)
      })
    },
    whileUp(work) {
      return new Promise((resolve, reject) => {
        working.add(reject)
        void work.then(resolve, reject).finally(() => working.delete(reject))
      })
    },
    [Symbol.dispose]: unlisten,
  }
}

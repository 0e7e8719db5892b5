/**
 * Tells the stream that a message is still in hand, so that it is not given out again: with a short
 * ack wait what a killed process had in hand is soon with another one, and what takes long is still
 * done once. One timer for all messages of a loop, and none while nothing is in hand.
 */
import type { PulledMessage } from './pulled-message.ts'

/** The messages in hand. Disposing ends the timer. */
export interface Progress extends Disposable {
  add(message: PulledMessage): void
  delete(message: PulledMessage): void
}

/**
 * @param everyMs a message has its first sign after this time to twice of it, and then one each time;
 * a quarter of the ack wait leaves half of it for what holds a sign up.
 */
export function createProgress(everyMs: number): Progress {
  /** Those that a tick has found in hand before. */
  const older = new Set<PulledMessage>()
  const newer = new Set<PulledMessage>()
  let timer: NodeJS.Timeout | undefined
  const start = (): void => {
    timer ??= setTimeout(tick, everyMs)
  }
  const tick = (): void => {
    timer = undefined
    for (const message of older) sign(message)
    for (const message of newer) older.add(message)
    newer.clear()
    if (older.size > 0) start()
  }
  return {
    add(message) {
      newer.add(message)
      start()
    },
    delete(message) {
      if (!newer.delete(message)) older.delete(message)
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}

function sign(message: PulledMessage): void {
  try {
    message.working()
  } catch {
    // The connection is closed: it comes again after its ack wait.
  }
}

/** Two connections become one: bytes both ways, as fast as the slower side takes them. */
import type { Socket } from 'node:net'

/** A peer that vanished without a word is found by the kernel's own probes. */
const KEEP_ALIVE_MS = 30_000

/**
 * Carries bytes between `one` and `other` until both have ended. The end of one direction is told
 * and the other direction goes on, as protocols rely on that. A side that breaks off breaks the
 * other off too, by a reset: what was cut must not look like an orderly end.
 * Resolves when both are closed; never rejects.
 */
export async function join(one: Socket, other: Socket): Promise<void> {
  await Promise.all([carry(one, other), carry(other, one)])
}

function carry(from: Socket, to: Socket): Promise<void> {
  return new Promise((resolve) => {
    from.setNoDelay(true)
    from.setKeepAlive(true, KEEP_ALIVE_MS)
    from.on('error', () => to.resetAndDestroy())
    from.once('close', () => {
      // Closed before it ended: what the other side waits for will not come.
      if (!from.readableEnded || !from.writableFinished) to.resetAndDestroy()
      resolve()
    })
    if (from.destroyed) {
      to.resetAndDestroy()
      return resolve()
    }
    from.pipe(to)
  })
}

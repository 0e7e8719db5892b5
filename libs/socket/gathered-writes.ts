/**
 * Writes of one turn of the loop, gathered into one: each write that reaches the kernel costs more
 * than most messages. A turn handles all that had arrived when it began, so what it answers leaves
 * together, at its end; one message alone leaves as soon as before, as its turn ends with it.
 */
import type { Writable } from 'node:stream'

/**
 * From this many bytes on a write does not wait for the end of the turn: the kernel can send it
 * meanwhile.
 */
const GATHERED_BYTES_MAX = 64 * 1_024

const gathering = new Set<Writable>()

/** To be called before each write to `socket`: what is written in this turn goes out at its end. */
export function gatherWrites(socket: Writable): void {
  if (gathering.has(socket)) {
    if (socket.writableLength >= GATHERED_BYTES_MAX) {
      socket.uncork()
      socket.cork()
    }
    return
  }
  // After the callbacks of everything that had arrived, before the loop waits for more.
  if (gathering.size === 0) setImmediate(writeAll)
  gathering.add(socket)
  socket.cork()
}

/** Writes at once what was gathered for `socket`, as when it is about to be closed. */
export function writeGathered(socket: Writable): void {
  if (gathering.delete(socket)) socket.uncork()
}

function writeAll(): void {
  for (const socket of gathering) socket.uncork()
  gathering.clear()
}

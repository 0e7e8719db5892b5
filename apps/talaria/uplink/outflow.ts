/**
 * What was written to NATS and may not have been read by it yet. While a server stands still, all of
 * that lies in this process' own buffers, so it is bounded: a publish waits until there is room.
 */
import type { Nats } from '#libs/nats/connection/connect.ts'

/** Fills any line while it moves; of what stands still it is what this process holds a second time. */
const UNREAD_BYTES_MAX = 8 * 1_024 * 1_024

/** Follows one connection until disposed. */
export interface Outflow extends Disposable {
  /**
   * Resolves when so many bytes may be written now, with what is to be called once the server has
   * answered to them; with undefined after `waitMs` or at the abort.
   */
  take(bytes: number, waitMs: number, signal: AbortSignal): Promise<OnRead | undefined>
  /** The same without waiting; undefined when there is no room, or others wait for room. */
  takeNow(bytes: number): OnRead | undefined
}

/** To be called once the server has answered to what was written. */
export type OnRead = () => void

interface Waiter {
  bytes: number
  finish: (onRead: OnRead | undefined) => void
}

/** The outflow of one connection. */
export function createOutflow(nats: Nats, unreadMax = UNREAD_BYTES_MAX): Outflow {
  const waiting = new Set<Waiter>()
  /** Of all bytes ever written: how many there were, and up to where the server has read. */
  let written = 0
  let read = 0
  let probe = 0
  let isProbing = false

  const hasRoom = (bytes: number): boolean =>
    written === read || written - read + bytes <= unreadMax
  const wake = (): void => {
    // In the order of coming: a large one is not passed by for ever.
    for (const waiter of waiting) {
      if (!hasRoom(waiter.bytes)) return askIfRead()
      waiter.finish(take(waiter.bytes))
    }
  }
  const take = (bytes: number): OnRead => {
    written += bytes
    const position = written
    return () => readUpTo(position)
  }
  const readUpTo = (position: number): void => {
    if (position <= read) return
    read = position
    wake()
  }
  /** The server answers a ping behind what it has read. One is under way at most. */
  const askIfRead = (): void => {
    if (isProbing || !nats.isConnected || nats.connection.isClosed()) return
    isProbing = true
    const position = written
    const current = ++probe
    nats.connection.flush().then(
      () => {
        if (current !== probe) return
        isProbing = false
        readUpTo(position)
        // An acknowledgement may have said as much before: then more has been written since.
        if (waiting.size > 0) wake()
      },
      () => {
        if (current === probe) isProbing = false
      },
    )
  }
  const unlisten = nats.onConnectedChange((isConnected) => {
    if (isConnected) return wake()
    // The socket is gone, and what was in it.
    probe += 1
    isProbing = false
    readUpTo(written)
  })
  const takeNow = (bytes: number): OnRead | undefined =>
    waiting.size === 0 && hasRoom(bytes) ? take(bytes) : undefined
  return {
    takeNow,
    take(bytes, waitMs, signal) {
      const taken = takeNow(bytes)
      if (taken) return Promise.resolve(taken)
      if (signal.aborted || waitMs <= 0) return Promise.resolve(undefined)
      const turn = waitForTurn(waiting, bytes, waitMs, signal)
      askIfRead()
      return turn
    },
    [Symbol.dispose]: unlisten,
  }
}

/** Resolves with what the turn gives, with undefined after `waitMs` or at the abort. */
function waitForTurn(
  waiting: Set<Waiter>,
  bytes: number,
  waitMs: number,
  signal: AbortSignal,
): Promise<OnRead | undefined> {
  return new Promise((resolve) => {
    const giveUp = (): void => waiter.finish(undefined)
    const waiter: Waiter = {
      bytes,
      finish(onRead) {
        clearTimeout(timer)
        waiting.delete(waiter)
        signal.removeEventListener('abort', giveUp)
        resolve(onRead)
      },
    }
    const timer = setTimeout(giveUp, waitMs)
    signal.addEventListener('abort', giveUp)
    waiting.add(waiter)
  })
}

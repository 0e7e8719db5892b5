/**
 * Sends a command to whichever Talaria holds a device and waits for what comes back. NATS' own
 * request takes one reply; a command may have two, a receipt and then the answer, so one inbox
 * for all commands is kept here. A command is published once and never again.
 */
import type { Msg, MsgHdrs } from '@nats-io/transport-node'
import type { Nats } from './connect.ts'
import { commandTimesHeaders, readReply, type CommandTimes } from './reply.ts'

/**
 * How long nothing may come before the command counts as taken by nobody. A Talaria that has a
 * command says so within 100 ms; ten times that is a loaded Talaria and network. Design §2.
 */
const RECEIPT_WAIT_MS = 1_000

/** What became of a command. */
export type CommandOutcome =
  /** The device's own answer; empty for a command that has none. */
  | { outcome: 'answered'; bytes: Uint8Array }
  /** The Talaria that holds the device refused, with the status the caller shall get. */
  | { outcome: 'refused'; code: number; text: string }
  /** No Talaria holds the device: known at once. */
  | { outcome: 'no-responders' }
  /** Somebody listens, but no Talaria took it: it reached no device. */
  | { outcome: 'no-receipt' }
  /** A Talaria took it, the device did not answer in time. */
  | { outcome: 'timed-out' }
  /** NATS is away, or was lost on the way: then it may have reached the device. */
  | { outcome: 'disconnected'; maybeSent: boolean }
  /** Whoever asked gave up. */
  | { outcome: 'aborted' }

/** What one request may be told. */
export interface CommandRequestOptions {
  /** How long the device may take. */
  timeoutMs: number
  headers?: MsgHdrs
  signal?: AbortSignal
}

/** Sends commands over one connection. */
export interface Commander extends AsyncDisposable {
  /** Sends `payload` to `subject`; always resolves, within `timeoutMs`, and never rejects. */
  request(
    subject: string,
    payload: Uint8Array,
    options: CommandRequestOptions,
  ): Promise<CommandOutcome>
  /** How many commands are waiting. */
  readonly pendingCount: number
}

interface Pending {
  receiptTimer: NodeJS.Timeout
  deadlineTimer: NodeJS.Timeout
  settle: (outcome: CommandOutcome) => void
}

/** A commander over `nats`; its one inbox is subscribed at once and closed with it. */
export function createCommander(
  nats: Nats,
  { receiptWaitMs = RECEIPT_WAIT_MS }: { receiptWaitMs?: number } = {},
): Commander {
  const pending = new Map<string, Pending>()
  const inbox = nats.createInbox()
  let counter = 0

  const onReply = (reply: Msg): void => {
    const waiting = pending.get(reply.subject.slice(inbox.length + 1))
    if (!waiting) return
    const read = readReply(reply)
    if (read.kind === 'receipt') clearTimeout(waiting.receiptTimer)
    else if (read.kind === 'answer') waiting.settle({ outcome: 'answered', bytes: read.bytes })
    else if (read.kind === 'no-responders') waiting.settle({ outcome: 'no-responders' })
    else waiting.settle({ outcome: 'refused', code: read.code, text: read.text })
  }
  const subscription = nats.connection.subscribe(`${inbox}.*`, {
    callback: (error, reply) => {
      if (!error) onReply(reply)
    },
  })
  const settleAll = (outcome: CommandOutcome): void => {
    for (const waiting of pending.values()) waiting.settle(outcome)
  }
  const unlisten = nats.onConnectedChange((isConnected) => {
    if (!isConnected) settleAll({ outcome: 'disconnected', maybeSent: true })
  })

  return {
    get pendingCount() {
      return pending.size
    },
    request(subject, payload, { timeoutMs, headers, signal }) {
      if (!nats.isConnected) return Promise.resolve({ outcome: 'disconnected', maybeSent: false })
      if (signal?.aborted) return Promise.resolve({ outcome: 'aborted' })
      const token = (counter++).toString(36)
      return new Promise((resolve) => {
        const onAbort = (): void => pending.get(token)?.settle({ outcome: 'aborted' })
        const settle = (outcome: CommandOutcome): void => {
          const waiting = pending.get(token)
          if (!pending.delete(token)) return
          clearTimeout(waiting?.receiptTimer)
          clearTimeout(waiting?.deadlineTimer)
          signal?.removeEventListener('abort', onAbort)
          resolve(outcome)
        }
        const receiptTimer = setTimeout(() => settle({ outcome: 'no-receipt' }), receiptWaitMs)
        const deadlineTimer = setTimeout(() => settle({ outcome: 'timed-out' }), timeoutMs)
        pending.set(token, { receiptTimer, deadlineTimer, settle })
        signal?.addEventListener('abort', onAbort)
        try {
          nats.connection.publish(subject, payload, {
            reply: `${inbox}.${token}`,
            headers: commandTimesHeaders(timesOf(receiptWaitMs, timeoutMs), headers),
          })
        } catch {
          // Closed or draining: it was not sent.
          settle({ outcome: 'disconnected', maybeSent: false })
        }
      })
    },
    [Symbol.asyncDispose]() {
      unlisten()
      settleAll({ outcome: 'disconnected', maybeSent: true })
      subscription.unsubscribe()
      return Promise.resolve()
    },
  }
}

/**
 * A Talaria may take the command during the first half of the wait for its receipt; the other half
 * is for the receipt's way back. So "no receipt" means that no Talaria will take it any more.
 */
function timesOf(receiptWaitMs: number, timeoutMs: number): CommandTimes {
  const now = Date.now()
  return { takeByMs: now + receiptWaitMs / 2, deadlineMs: now + timeoutMs }
}

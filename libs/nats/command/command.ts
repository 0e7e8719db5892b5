/**
 * Sends a command to whichever Talaria holds a device and waits for what comes back. NATS' own
 * request takes one reply; a command may have two, a receipt and then the answer, so one inbox
 * for all commands is kept here. A command is published once and never again.
 */
import type { Msg, MsgHdrs } from '@nats-io/transport-node'
import type { Nats } from '#libs/nats/connection/connect.ts'
import type { GivenUp } from '#libs/retry/given-up.ts'
import {
  awaitReplies,
  type CommandOutcome,
  type PendingCommand,
  type ProveUntaken,
} from './pending-command.ts'
import { commandHeaders, readReply } from './reply.ts'

/**
 * How long nothing may come before it is said that nothing is known of the command. A Talaria that
 * has one says so within 100 ms; ten times that is a loaded Talaria and network.
 */
const RECEIPT_WAIT_MS = 1_000

/** What one request may be told. */
export interface CommandRequestOptions {
  /** How long the device may take. */
  timeoutMs: number
  headers?: MsgHdrs
  signal?: GivenUp
  /**
   * Tells a command that nobody took from one that may have reached the device; without it silence
   * counts as the latter.
   */
  proveUntaken?: ProveUntaken
}

/** Sends commands over one connection. */
export interface Commander extends AsyncDisposable {
  /**
   * Sends `payload` to `subject`, before it returns; always resolves, within `timeoutMs` and what
   * reading takes after a standstill, and never rejects.
   */
  request(
    subject: string,
    payload: Uint8Array,
    options: CommandRequestOptions,
  ): Promise<CommandOutcome>
  /** Ends all that waits, as we are ending; nothing is sent any more. */
  giveUp(): void
  /** How many commands are waiting. */
  readonly pendingCount: number
}

/** What {@link createCommander} may be told. */
export interface CommanderOptions {
  receiptWaitMs?: number
  /** What the reply to one command threw, which ends that command only. Must not throw. */
  onFault?: (error: unknown) => void
}

/** A commander over `nats`; its one inbox is subscribed at once and closed with it. */
export function createCommander(
  nats: Nats,
  { receiptWaitMs = RECEIPT_WAIT_MS, onFault }: CommanderOptions = {},
): Commander {
  const pending = new Map<string, PendingCommand>()
  const inbox = nats.createInbox()
  let counter = 0
  let isEnding = false

  const onReply = (reply: Msg): void => {
    const waiting = pending.get(reply.subject.slice(inbox.length + 1))
    try {
      waiting?.onReply(readReply(reply))
    } catch (error) {
      onFault?.(error)
      waiting?.settle({ outcome: 'no-receipt' })
    }
  }
  const subscription = nats.connection.subscribe(`${inbox}.*`, {
    callback: (error, reply) => {
      if (!error) onReply(reply)
    },
  })
  const settleAll = (outcome: CommandOutcome): void => {
    for (const waiting of pending.values()) waiting.settle(outcome)
  }
  const giveUp = (): void => {
    isEnding = true
    settleAll({ outcome: 'given-up', maybeSent: true })
  }
  const unlisten = nats.onConnectedChange((isConnected) => {
    if (!isConnected) settleAll({ outcome: 'disconnected', maybeSent: true })
  })

  return {
    get pendingCount() {
      return pending.size
    },
    request(subject, payload, { timeoutMs, headers, signal, proveUntaken }) {
      if (isEnding) return Promise.resolve({ outcome: 'given-up', maybeSent: false })
      if (!nats.isConnected) return Promise.resolve({ outcome: 'disconnected', maybeSent: false })
      if (signal?.aborted) return Promise.resolve({ outcome: 'aborted' })
      const token = (counter++).toString(36)
      return new Promise((resolve) => {
        const onAbort = (): void => waiting.settle({ outcome: 'aborted' })
        const onSettled = (outcome: CommandOutcome): void => {
          pending.delete(token)
          signal?.removeEventListener('abort', onAbort)
          resolve(outcome)
        }
        const waiting = awaitReplies({ receiptWaitMs, timeoutMs, proveUntaken, onSettled })
        pending.set(token, waiting)
        signal?.addEventListener('abort', onAbort)
        try {
          nats.connection.publish(subject, payload, {
            reply: `${inbox}.${token}`,
            headers: commandHeaders(timeoutMs, headers),
          })
        } catch {
          // Closed or draining: it was not sent.
          waiting.settle({ outcome: 'disconnected', maybeSent: false })
        }
      })
    },
    giveUp,
    [Symbol.asyncDispose]() {
      unlisten()
      giveUp()
      subscription.unsubscribe()
      return Promise.resolve()
    },
  }
}

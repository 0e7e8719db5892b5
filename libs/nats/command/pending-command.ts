/** One command that waits: what its replies mean, and what it means that none comes. Design §2. */
import type { CommandReply } from './reply.ts'
import { startPatientTimer } from '#libs/nats/connection/patient-timer.ts'

/**
 * How long a command that a Talaria did not take waits for another that may hold the device too:
 * longer than one takes to send its receipt.
 */
const NOT_TAKEN_WAIT_MS = 150

/** What became of a command. */
export type CommandOutcome =
  /** The device's own answer; empty for a command that has none. */
  | { outcome: 'answered'; bytes: Uint8Array }
  /** The Talaria that holds the device refused, with the status the caller shall get. */
  | { outcome: 'refused'; code: number; text: string }
  /** At that moment NATS knew of no Talaria that holds the device: it reached nobody. */
  | { outcome: 'no-responders' }
  /** The Talaria that held the device was letting it go: it reached nobody. */
  | { outcome: 'not-taken' }
  /** Somebody listens, and says nothing: it may have reached the device. */
  | { outcome: 'no-receipt' }
  /** A Talaria took it, the device did not answer in time. */
  | { outcome: 'timed-out' }
  /** NATS is away, or was lost on the way: then it may have reached the device. */
  | { outcome: 'disconnected'; maybeSent: boolean }
  /** We are ending and wait no longer: then it may have reached the device. */
  | { outcome: 'given-up'; maybeSent: boolean }
  /** Whoever asked gave up. */
  | { outcome: 'aborted' }

/** A command on its way. */
export interface PendingCommand {
  onReply(reply: CommandReply): void
  /** Ends the waiting; the first outcome counts. */
  settle(outcome: CommandOutcome): void
}

/** What {@link awaitReplies} needs. */
export interface PendingOptions {
  /** How long nothing at all may come. */
  receiptWaitMs: number
  /** How long the device's answer may take. */
  timeoutMs: number
  /** Called once. */
  onSettled: (outcome: CommandOutcome) => void
}

/** Begins to wait. */
export function awaitReplies({
  receiptWaitMs,
  timeoutMs,
  onSettled,
}: PendingOptions): PendingCommand {
  let isSettled = false
  let hasReceipt = false
  let notTaken: Disposable | undefined
  const settle = (outcome: CommandOutcome): void => {
    if (isSettled) return
    isSettled = true
    for (const timer of [receiptTimer, deadlineTimer, notTaken]) timer?.[Symbol.dispose]()
    onSettled(outcome)
  }
  const receiptTimer = startPatientTimer(receiptWaitMs, () => {
    if (!hasReceipt) settle({ outcome: 'no-receipt' })
  })
  const deadlineTimer = startPatientTimer(timeoutMs, () =>
    settle({ outcome: hasReceipt ? 'timed-out' : 'no-receipt' }),
  )
  return {
    settle,
    onReply(reply) {
      if (reply.kind === 'answer') return settle({ outcome: 'answered', bytes: reply.bytes })
      if (reply.kind === 'no-responders') return settle({ outcome: 'no-responders' })
      if (reply.kind === 'error') {
        return settle({ outcome: 'refused', code: reply.code, text: reply.text })
      }
      if (reply.kind === 'receipt') {
        hasReceipt = true
        notTaken?.[Symbol.dispose]()
      } else if (!hasReceipt && !isSettled) {
        notTaken ??= startPatientTimer(NOT_TAKEN_WAIT_MS, () => settle({ outcome: 'not-taken' }))
      }
    },
  }
}

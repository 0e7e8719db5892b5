/** One command that waits: what its replies mean, and what it means that none comes. ADR 19 and 26. */
import type { CommandReply } from './reply.ts'
import { startPatientTimer } from '#libs/nats/connection/patient-timer.ts'

/**
 * After this long without a reply it is asked whether any Talaria has the command. A receipt
 * takes less. A server of a cluster drops what another sends it for a device that left it a moment
 * ago, and says nothing.
 */
const SILENT_MS = 200

/** What became of a command. */
export type CommandOutcome =
  /** The device's own answer; empty for a command that has none. */
  | { outcome: 'answered'; bytes: Uint8Array }
  /** The Talaria that holds the device refused, with the status the caller shall get. */
  | { outcome: 'refused'; code: number; text: string }
  /** At that moment NATS knew of no Talaria that holds the device: it reached nobody. */
  | { outcome: 'no-responders' }
  /** No Talaria wrote it to the device: it reached nobody. `isMoving`: it may be on its way to another. */
  | { outcome: 'not-taken'; isMoving: boolean }
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

/**
 * Whether it is certain that no Talaria took a command that was sent at `sentAt` (performance.now())
 * unless it sent a reply that has been read by now. Begun after that; never rejects.
 */
export type ProveUntaken = (sentAt: number) => Promise<boolean>

/** What {@link awaitReplies} needs. */
export interface PendingOptions {
  /** How long nothing at all may come. */
  receiptWaitMs: number
  /** How long the device's answer may take. */
  timeoutMs: number
  /** {@link ProveUntaken}; without it, it takes a second until what was not taken is known to be. */
  proveUntaken?: ProveUntaken | undefined
  /** Called once. */
  onSettled: (outcome: CommandOutcome) => void
}

/** Begins to wait. */
export function awaitReplies({
  receiptWaitMs,
  timeoutMs,
  proveUntaken,
  onSettled,
}: PendingOptions): PendingCommand {
  const sentAt = performance.now()
  let isSettled = false
  let hasReceipt = false
  let isProving = false
  /** A Talaria that had let the device go read it, and did not write it. */
  let wasLetPass = false
  /** What that one said of the device; true as long as nobody did. */
  let isMoving = true
  const settle = (outcome: CommandOutcome): void => {
    if (isSettled) return
    isSettled = true
    receiptTimer[Symbol.dispose]()
    deadlineTimer?.[Symbol.dispose]()
    onSettled(outcome)
  }
  const prove = async (): Promise<void> => {
    if (!proveUntaken || isProving || isSettled || hasReceipt) return
    isProving = true
    const isUntaken = await proveUntaken(sentAt)
    isProving = false
    // A receipt that came meanwhile is of one who took it.
    if (isUntaken && !hasReceipt) settle({ outcome: 'not-taken', isMoving })
  }
  const giveUp = (): void => {
    if (hasReceipt) return
    // Another Talaria that took it would have sent its receipt after a tenth of this time.
    settle(wasLetPass ? { outcome: 'not-taken', isMoving } : { outcome: 'no-receipt' })
  }
  const silentMs = proveUntaken ? Math.min(SILENT_MS, receiptWaitMs) : receiptWaitMs
  let deadlineTimer: Disposable | undefined
  const startDeadline = (): void => {
    const restMs = Math.max(0, sentAt + timeoutMs - performance.now())
    deadlineTimer = startPatientTimer(restMs, () =>
      settle({ outcome: hasReceipt ? 'timed-out' : 'no-receipt' }),
    )
  }
  // Nearly all are answered before they are silent for so long, and need one timer only.
  const isDeadlineFirst = timeoutMs <= silentMs
  if (isDeadlineFirst) startDeadline()
  let receiptTimer = startPatientTimer(silentMs, () => {
    if (!isDeadlineFirst) startDeadline()
    if (silentMs >= receiptWaitMs) return giveUp()
    receiptTimer = startPatientTimer(receiptWaitMs - silentMs, giveUp)
    void prove()
  })
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
      } else {
        wasLetPass = true
        isMoving = reply.isMoving
        void prove()
      }
    },
  }
}

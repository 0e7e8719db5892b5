/**
 * Letting devices go without a loss: what is in a device's hands is finished first, then what was
 * read of it is stored and acknowledged, and then it is closed. A device that is closed before its
 * acknowledgement sends the event again elsewhere, under another id.
 */
import type { CloseReason } from '#apps/talaria/reasons.ts'
import type { Device } from '#apps/talaria/session/connection/device.ts'

/** One timer looks at all; what it adds to a device's end is less than a device notices. */
const LOOK_MS = 20

/** Why a device is let go. */
type LeaveReason = Extract<CloseReason, 'drained' | 'shutdown'>

/** Lets devices go. */
export interface Leaving {
  /** Begins; an idle device is closed at once. No new command is written to it from now on. */
  begin(device: Device, reason: LeaveReason): void
  /** Resolves when none is left. */
  done(): Promise<void>
}

interface Leave {
  device: Device
  reason: LeaveReason
  /** When the present of its two phases began. */
  since: number
  isReadingOver: boolean
}

/** Nobody leaves yet. `waitMs`: how long commands, and after them events, may take to be finished. */
export function createLeaving(waitMs: number): Leaving {
  const leaves = new Set<Leave>()
  let timer: NodeJS.Timeout | undefined
  let onDone = Promise.withResolvers<void>()
  const look = (): void => {
    for (const leave of leaves) {
      leave.device.guard('leaving', () => {
        if (isOver(leave, waitMs)) leaves.delete(leave)
      })
      if (!leave.device.isOpen) leaves.delete(leave)
    }
    if (leaves.size > 0) return
    clearInterval(timer)
    timer = undefined
    onDone.resolve()
    onDone = Promise.withResolvers()
  }
  return {
    begin(device, reason) {
      if (device.isLeaving || !device.isOpen) return
      device.isLeaving = true
      const leave = { device, reason, since: performance.now(), isReadingOver: false }
      device.guard('leaving', () => void isOver(leave, waitMs))
      if (!device.isOpen) return
      leaves.add(leave)
      timer ??= setInterval(look, LOOK_MS)
    },
    done: () => (leaves.size === 0 ? Promise.resolve() : onDone.promise),
  }
}

/** Takes the next step that can be taken; true once the session is over. */
function isOver(leave: Leave, waitMs: number): boolean {
  const { device, reason } = leave
  const isTooLong = (): boolean => performance.now() - leave.since > waitMs
  if (!leave.isReadingOver && (device.commandsPending === 0 || isTooLong())) {
    // What it sends from here on stays with it, unacknowledged.
    device.stopReading()
    leave.isReadingOver = true
    leave.since = performance.now()
  }
  if (leave.isReadingOver && (device.eventsPending === 0 || isTooLong())) device.end(reason)
  return !device.isOpen
}

/** Closes the devices over a time, so that they do not all come to another Talaria at once. */
import { wait } from '#libs/retry/wait.ts'
import type { CloseReason } from './device.ts'
import type { Devices } from './devices.ts'

/** The steps in which devices are closed. */
const STEP_MS = 50

/** After the last is closed: for the sockets to end and the offline events to be published. */
const SETTLE_MS = 1_500
const POLL_MS = 10

/** Closes all devices over `overMs`; resolves when none is left, or when some take too long. */
export async function drain(devices: Devices, reason: CloseReason, overMs: number): Promise<void> {
  const all = [...devices.all()]
  const steps = Math.max(1, Math.ceil(overMs / STEP_MS))
  const each = Math.ceil(all.length / steps)
  for (let start = 0; start < all.length; start += each) {
    for (const device of all.slice(start, start + each)) device.close(reason)
    if (start + each < all.length) await wait(STEP_MS)
  }
  const until = performance.now() + SETTLE_MS
  while (devices.count > 0 && performance.now() < until) await wait(POLL_MS)
}

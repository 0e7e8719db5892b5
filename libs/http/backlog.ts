/**
 * How many connections may wait until the process takes them. The kernel keeps them meanwhile and
 * drops what comes over it; whoever is dropped tries again after a second, then after three.
 */
import { readFileSync } from 'node:fs'
import type { Logger } from '#libs/log/logger.ts'

/**
 * Eight times Node's own 511, which 5,000 devices that came back at once overflowed thousands of
 * times. It costs nothing while nobody waits. The kernel's own limit is the same since Linux 5.4.
 */
export const BACKLOG = 4_096

/** Says it where the kernel keeps fewer: `listen` cuts the number down without a word. */
export function tellSmallBacklog(log: Logger, somaxconn = readSomaxconn()): void {
  if (somaxconn === undefined || somaxconn >= BACKLOG) return
  log.warn(
    { somaxconn, backlog: BACKLOG },
    'the kernel keeps fewer waiting connections than asked for (sysctl net.core.somaxconn): when many come at once some wait for seconds',
  )
}

/** Known on Linux. */
function readSomaxconn(): number | undefined {
  try {
    return Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'))
  } catch {
    return undefined
  }
}

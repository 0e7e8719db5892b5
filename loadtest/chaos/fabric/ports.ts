/**
 * Ports for processes that are started again on the same one. They are below the range that the
 * kernel hands out by itself: one of those could be taken by any connection while its process is away.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Linux' own range begins at 32768, macOS' at 49152. */
const FIRST = 14_000
const LAST = 32_000

/** So many numbers are tried for each port before the machine counts as full. */
const ATTEMPTS_MAX = 200

/** Hands out ports of loopback; none of them twice. */
export interface Ports {
  take(): Promise<number>
}

/** Where it begins is left to chance and not to the seed: several rigs may run at once. */
export function createPorts(): Ports {
  const taken = new Set<number>()
  return {
    async take() {
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
        const port = FIRST + Math.floor(Math.random() * (LAST - FIRST))
        if (taken.has(port) || !(await isFree(port))) continue
        taken.add(port)
        return port
      }
      throw new Error(`no free port was found in ${ATTEMPTS_MAX} attempts`)
    },
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

/**
 * Loaded into an app's process by `node --import`: sees from inside how long its one loop was kept
 * by one thing, in CPU time of the main thread, so that a busy machine is not taken for a hang.
 * Answers each connection to FUZZ_PROBE_PORT with what was since the last one, and closes it.
 */
import { createServer } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What the probe tells. */
export interface ProbeLook {
  /** CPU time of the main thread in the longest gap of its loop, in milliseconds. */
  stallCpuMs: number
  /** The same gap by the clock. */
  stallWallMs: number
  /** After a collection of garbage. */
  residentBytes: number
  /** Objects and buffers, after it. */
  heldBytes: number
}

/** What of a connection's first bytes asks for a collection of garbage before the answer. */
export const WITH_COLLECTION = 'g'

/** Between two looks at the clocks: far below what is a hang, and far above what a look costs. */
const TICK_MS = 5

/** Where there is none it is only imported for its types. */
const port = Number(process.env.FUZZ_PROBE_PORT ?? 0)
if (port > 0) serveProbe(port)

function serveProbe(listenPort: number): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  let stallCpuMs = 0
  let stallWallMs = 0
  let wallMs = performance.now()
  let cpu = process.threadCpuUsage()
  const tick = (): void => {
    const used = process.threadCpuUsage(cpu)
    const cpuMs = (used.user + used.system) / 1_000
    const now = performance.now()
    if (cpuMs > stallCpuMs) {
      stallCpuMs = cpuMs
      stallWallMs = now - wallMs
    }
    restart()
  }
  const restart = (): void => {
    wallMs = performance.now()
    cpu = process.threadCpuUsage()
  }
  setInterval(tick, TICK_MS).unref()
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', (asked) => {
      tick()
      if (asked.toString() === WITH_COLLECTION) collect()
      const { rss, heapUsed, external } = process.memoryUsage()
      const look: ProbeLook = {
        stallCpuMs,
        stallWallMs,
        residentBytes: rss,
        heldBytes: heapUsed + external,
      }
      socket.end(JSON.stringify(look))
      stallCpuMs = 0
      stallWallMs = 0
      // The collection was asked for and is nobody's hang.
      restart()
    })
  })
  server.listen(listenPort, '127.0.0.1')
  server.unref()
}

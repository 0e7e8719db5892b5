/**
 * The health check of a container: asks /readyz of the operations port that it is told, and ends
 * with 0 when it says yes. `docker inspect` shows what it printed.
 */

/** Below the time-out that compose.yaml gives the whole check. */
const ANSWER_MS = 3_000

const port = process.argv[2] ?? ''
try {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`, {
    signal: AbortSignal.timeout(ANSWER_MS),
  })
  process.stdout.write(await response.text())
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  process.stdout.write(`no answer on port ${port}: ${String(error)}\n`)
  process.exitCode = 1
}

/**
 * Ends a child when this process dies without a word (SIGKILL, a crash): a server that stays behind
 * would hold its port and its files against the next start.
 */
import { spawn } from 'node:child_process'

/**
 * Guards process `pid` from now on, until the returned function is called. The guard is a shell that
 * reads from a pipe which only this process holds: whatever ends this process closes it. Where there
 * is no `sh` nothing is guarded.
 */
export function guardChild(pid: number): () => void {
  const guard = spawn('sh', ['-c', 'read -r _; kill -TERM "$0"', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Ctrl-C reaches the terminal's whole group, and the guard must outlive this process.
    detached: true,
  })
  // No shell, or it was ended: the child is then as it would be without one.
  guard.on('error', () => undefined)
  guard.stdin.on('error', () => undefined)
  guard.unref()
  return () => {
    guard.kill('SIGKILL')
    guard.stdin.destroy()
  }
}

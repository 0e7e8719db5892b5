/** A process that stands still, as one on a frozen machine does. */
import { execFileSync } from 'node:child_process'
import { expect } from 'vitest'
import { eventually } from './eventually.ts'

/** Stops the process and resolves when it stands still: it goes on for a moment after the signal. */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  await eventually(() => {
    const state = execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' })
    expect(state.trim()).toMatch(/^T/)
  })
}

/** A script of the rig as a process of its own; it is ready with the first thing that it prints. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { guardChild } from '#nats/guard.ts'
import type { ProcessEnd } from '#tests/support/app-process.ts'
import type { Launched } from './member.ts'
import { COMPILE_CACHE } from '#tests/support/compile-cache.ts'

/** What the script needs besides its arguments. */
type Environment = Readonly<Record<string, string>>

/** @throws when it ends before it is ready. */
export async function launchScript(
  script: string,
  parameters: readonly string[],
  environment: Environment = {},
): Promise<Launched> {
  const child = spawn(process.execPath, [script, ...parameters], {
    env: { PATH: process.env.PATH, ...COMPILE_CACHE, ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const endGuard = child.pid === undefined ? undefined : guardChild(child.pid)
  const ended = once(child, 'exit').then(([code, signal]): ProcessEnd => {
    endGuard?.()
    return { code: code as number | null, signal: signal as NodeJS.Signals | null }
  })
  const isReady = await Promise.race([
    once(child.stdout, 'data').then(() => true),
    ended.then(() => false),
  ])
  if (!isReady) throw new Error(`${script} ${parameters.join(' ')} did not start`)
  return { pid: child.pid ?? 0, ended }
}

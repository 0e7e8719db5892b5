/** An app as a process of its own, as it runs in production, so that it can be killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { guardChild } from '#nats/guard.ts'
import { COMPILE_CACHE } from './compile-cache.ts'

/** How long an app may take from its start to its `ready`, on a loaded machine. */
const READY_MS = 15_000

/** How a process ended: with a code of its own, or by a signal. */
export interface ProcessEnd {
  code: number | null
  signal: NodeJS.Signals | null
}

/** A running process. Disposing it kills it, if nothing else did. */
export interface AppProcess extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  /** Resolves once it is gone, whoever ended it. */
  readonly ended: Promise<ProcessEnd>
  /** Sends the signal and resolves with the exit code once the process is gone. */
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null>
  /** Stands still as a frozen machine does, or goes on. */
  freeze(isFrozen: boolean): void
}

/** What {@link startAppProcess} may be told. */
export interface AppProcessOptions {
  /** What it writes is added to this file; kept nowhere by default. */
  logFile?: string
  readyMs?: number
}

/** Starts `apps/<app>/main.ts` and resolves when it says that it is ready. */
export async function startAppProcess(
  app: string,
  environment: Readonly<Record<string, string>>,
  { logFile, readyMs = READY_MS }: AppProcessOptions = {},
): Promise<AppProcess> {
  const child = spawn(process.execPath, [`apps/${app}/main.ts`], {
    env: { PATH: process.env.PATH, ...COMPILE_CACHE, LOG_LEVEL: 'info', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // However this process ends, it takes the app with it.
  const endGuard = child.pid === undefined ? undefined : guardChild(child.pid)
  const ended = once(child, 'exit').then(([code, signal]): ProcessEnd => {
    endGuard?.()
    return { code: code as number | null, signal: signal as NodeJS.Signals | null }
  })
  if (logFile !== undefined) {
    const log = createWriteStream(logFile, { flags: 'a' })
    // Whoever ends the process may have removed the directory before the file was opened.
    log.on('error', () => undefined)
    child.stdout.pipe(log, { end: false })
    child.stderr.pipe(log, { end: false })
    child.once('close', () => log.end())
  }
  // What it says after its start is not kept here.
  let isReady = false
  let said = ''
  child.stderr.on('data', (data: Buffer) => {
    if (!isReady) said += data.toString()
  })
  const kill = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> => {
    child.kill(signal)
    return (await ended).code
  }
  try {
    const url = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${app} is not ready: ${said}`)), readyMs)
      ended.then(
        ({ code }) => reject(new Error(`${app} ended at start with ${code}: ${said}`)),
        reject,
      )
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (isReady) return
        said += `${line}\n`
        const url = readyUrlOf(line)
        if (url === undefined) return
        isReady = true
        clearTimeout(timer)
        resolve(url)
      })
    })
    return {
      url,
      pid: child.pid ?? 0,
      ended,
      kill,
      freeze: (isFrozen) => void child.kill(isFrozen ? 'SIGSTOP' : 'SIGCONT'),
      async [Symbol.asyncDispose]() {
        if (child.exitCode === null && child.signalCode === null) await kill('SIGKILL')
      },
    }
  } catch (error) {
    if (child.exitCode === null && child.signalCode === null) await kill('SIGKILL')
    throw error
  }
}

function readyUrlOf(line: string): string | undefined {
  try {
    const { msg, url } = JSON.parse(line) as { msg?: string; url?: string }
    return msg === 'ready' ? url : undefined
  } catch {
    return undefined
  }
}

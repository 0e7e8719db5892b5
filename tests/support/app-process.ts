/** An app as a process of its own, as it runs in production, so that a test can kill it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** How long an app may take from its start to its `ready`, on a loaded machine. */
const READY_MS = 15_000

/** A running process. Disposing it kills it, if nothing else did. */
export interface AppProcess extends AsyncDisposable {
  readonly url: string
  /** Sends the signal and resolves with the exit code once the process is gone. */
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null>
  /** Stands still as a frozen machine does, or goes on. */
  freeze(isFrozen: boolean): void
}

/** Starts `apps/<app>/main.ts` and resolves when it says that it is ready. */
export async function startAppProcess(
  app: string,
  environment: Readonly<Record<string, string>>,
): Promise<AppProcess> {
  const child = spawn(process.execPath, [`apps/${app}/main.ts`], {
    env: { PATH: process.env.PATH, ...environment, LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (data: Buffer) => (said += data.toString()))
  const exited = once(child, 'exit') as Promise<[number | null]>
  const kill = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> => {
    child.kill(signal)
    const [code] = await exited
    return code
  }
  try {
    const url = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${app} is not ready: ${said}`)), READY_MS)
      exited.then(
        ([code]) => reject(new Error(`${app} ended at start with ${code}: ${said}`)),
        reject,
      )
      createInterface({ input: child.stdout }).on('line', (line) => {
        said += `${line}\n`
        const url = readyUrlOf(line)
        if (url === undefined) return
        clearTimeout(timer)
        resolve(url)
      })
    })
    return {
      url,
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

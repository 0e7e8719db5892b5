/** `xmidt up` as a process of its own, as a person starts it, on ports and in a directory of a test's own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually.ts'
import { defaultPorts, requireFreePorts, type Part, type Ports } from '#apps/xmidt/up/ports.ts'

const MAIN = new URL('../../apps/xmidt/main.ts', import.meta.url).pathname

/** How often other ports are tried when some are taken. */
const ATTEMPTS_MAX = 20

/** What a command came to. */
export interface CommandResult {
  code: number | null
  stdout: string
  stderr: string
}

/** A running `up`. Disposing it ends it and removes its directory. */
export interface Up extends AsyncDisposable {
  readonly ports: Ports
  readonly directory: string
  /** What it has printed so far. */
  output(): string
  /** Resolves with the exit code once it has ended. */
  readonly ended: Promise<number | null>
  /** Sends a signal and resolves with the exit code and how long the end took. */
  end(signal?: NodeJS.Signals): Promise<{ code: number | null; tookMs: number }>
  /** Runs another command of `xmidt` in the same directory. */
  xmidt(...args: string[]): Promise<CommandResult>
}

/** Starts `up` with further arguments. */
export async function startUp(...args: string[]): Promise<Up> {
  const directory = mkdtempSync(join(tmpdir(), 'xmidt-up-'))
  const ports = await freePorts()
  const portArguments = Object.entries(ports).flatMap(([part, port]) => [
    '--port',
    `${part}=${port}`,
  ])
  const child = spawn(
    process.execPath,
    [MAIN, 'up', '--directory', directory, ...portArguments, ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let output = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr.on('data', (data: Buffer) => (output += data.toString()))
  const ended = once(child, 'close').then(() => child.exitCode)
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null
  const end = async (signal: NodeJS.Signals = 'SIGINT') => {
    const startedAt = performance.now()
    if (!hasEnded()) child.kill(signal)
    return { code: await ended, tookMs: performance.now() - startedAt }
  }
  return {
    ports,
    directory,
    output: () => output,
    ended,
    end,
    xmidt: (command = '', ...more) => runXmidt(command, ...more, '--directory', directory),
    async [Symbol.asyncDispose]() {
      await end()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** `xmidt listen` on a running `up`, from the moment at which it hears. Disposing it ends it. */
export async function startListening(
  up: Up,
  ...args: string[]
): Promise<AsyncDisposable & { output(): string }> {
  const child = spawn(process.execPath, [MAIN, 'listen', ...args, '--directory', up.directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let told = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr.on('data', (data: Buffer) => (told += data.toString()))
  await eventually(() => {
    if (!told.includes('listening')) throw new Error(`it does not listen: ${told}`)
  })
  return {
    output: () => output,
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'close')
      child.kill('SIGINT')
      await gone
    },
  }
}

/** Runs a command of `xmidt` to its end. */
export async function runXmidt(...args: string[]): Promise<CommandResult> {
  return runCommand(process.execPath, [MAIN, ...args])
}

/** Runs any program to its end. */
export async function runCommand(program: string, args: string[]): Promise<CommandResult> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const result: CommandResult = { code: null, stdout: '', stderr: '' }
  child.stdout.on('data', (data: Buffer) => (result.stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (result.stderr += data.toString()))
  await once(child, 'close')
  return { ...result, code: child.exitCode }
}

/** The default ports, moved together to where all that `up` may need are free. */
async function freePorts(): Promise<Ports> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const shift = 10_000 + 3_000 * Math.floor(Math.random() * 6)
    const moved = Object.entries(defaultPorts()).map(([part, port]) => [part, port + shift])
    const ports = Object.fromEntries(moved) as Record<Part, number>
    const isFree = await requireFreePorts(ports, { talaria: 2, parodus: 3 }).then(
      () => true,
      () => false,
    )
    if (isFree) return ports
  }
  throw new Error('no free ports were found')
}

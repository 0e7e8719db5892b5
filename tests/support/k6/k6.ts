/**
 * Runs a script of `loadtest/k6` against a stack as a person does, as a process of its own: with the
 * k6 that K6_BIN names, else with the stand-in beside this file.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CALLER_CREDENTIAL, DEVICE_CREDENTIAL, type Stack } from '#tests/support/stack.ts'
import { linesNeverRun } from './coverage.ts'

const STAND_IN = [
  process.execPath,
  // The stand-in gives each VU a world of its own, which Node still calls an experiment.
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'tests/support/k6/main.ts',
]

/** What a run came to. */
export interface K6Result {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs scripts, and knows which of their lines ran. Disposing it ends and forgets all. */
export interface K6 extends Disposable {
  /** A stand-in counts lines, a real k6 does not. */
  readonly isStandIn: boolean
  run(script: string, variables: Readonly<Record<string, string | number>>): Promise<K6Result>
  linesNeverRun(script: string): string[]
}

/** Makes a {@link K6} of the k6 that `binary` is, or of the stand-in. */
export function createK6(binary = process.env.K6_BIN): K6 {
  const coverage = mkdtempSync(join(tmpdir(), 'k6-coverage-'))
  const [program = '', ...parameters] = binary ? [binary, 'run', '--quiet'] : [...STAND_IN, 'run']
  const running = new Set<ChildProcess>()
  return {
    isStandIn: !binary,
    async run(script, variables) {
      const settings = Object.entries(variables).flatMap(([name, value]) => [
        '-e',
        `${name}=${value}`,
      ])
      const child = spawn(program, [...parameters, ...settings, script], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: process.env.PATH, K6_STAND_IN_COVERAGE: coverage },
      })
      running.add(child)
      const result: K6Result = { code: null, stdout: '', stderr: '' }
      child.stdout.on('data', (data: Buffer) => (result.stdout += data.toString()))
      child.stderr.on('data', (data: Buffer) => (result.stderr += data.toString()))
      await once(child, 'close')
      running.delete(child)
      return { ...result, code: child.exitCode }
    },
    linesNeverRun: (script) => linesNeverRun(coverage, script),
    [Symbol.dispose]() {
      for (const child of running) child.kill('SIGKILL')
      rmSync(coverage, { recursive: true, force: true })
    },
  }
}

/** Where a stack is and how to get in, as a script is told it. */
export const variablesOf = (stack: Stack): Record<string, string> => ({
  THEMIS: stack.themis.url,
  PETASOS: stack.petasos.url,
  SCYTALE: stack.scytale.url,
  ...(stack.caduceus && { CADUCEUS: stack.caduceus.url }),
  DEVICE_CREDENTIAL,
  CALLER_CREDENTIAL,
})

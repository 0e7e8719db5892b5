/** Docker and compose as commands: whichever compose is there, each call with a time limit. */
import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** More than the logs of a whole run. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/** A command that asks and does nothing answers within this. */
const ASK_MS = 30_000

/** `docker compose` (2), else `docker-compose` (1.29). */
function composeCommand(): readonly [program: string, ...parameters: string[]] {
  const wanted = process.env.COMPOSE
  if (wanted) return wanted.split(' ') as [string, ...string[]]
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' })
    return ['docker', 'compose']
  } catch {
    execFileSync('docker-compose', ['version'], { stdio: 'ignore' })
    return ['docker-compose']
  }
}

/** Calls compose and docker for one project. */
export interface Engine {
  readonly version: string
  compose(parameters: readonly string[], withinMs: number): Promise<string>
  docker(parameters: readonly string[], withinMs?: number): Promise<string>
}

/** What {@link openEngine} needs. */
export interface EngineOptions {
  project: string
  files: readonly string[]
  /** For the interpolation of the files. */
  environment: Readonly<Record<string, string>>
}

/** @throws when there is no Docker engine, or no compose. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const [program, ...first] = composeCommand()
  const env = { ...process.env, ...options.environment }
  const call = async (
    command: string,
    parameters: readonly string[],
    timeout: number,
  ): Promise<string> => {
    try {
      const { stdout } = await run(command, [...parameters], {
        env,
        timeout,
        maxBuffer: OUTPUT_BYTES_MAX,
      })
      return stdout
    } catch (error) {
      const { stderr = '', killed } = error as { stderr?: string; killed?: boolean }
      const what = `${command} ${parameters.join(' ')}`
      throw new Error(
        killed ? `not within ${timeout} ms: ${what}` : `failed: ${what}\n${stderr.slice(-4_000)}`,
        { cause: error },
      )
    }
  }
  const files = options.files.flatMap((file) => ['-f', file])
  const engine = (await call('docker', ['version', '-f', '{{.Server.Version}}'], ASK_MS)).trim()
  const compose = (await call(program, [...first, 'version', '--short'], ASK_MS)).trim()
  return {
    version: `engine ${engine}, ${[program, ...first].join(' ')} ${compose}`,
    compose: (parameters, withinMs) =>
      call(program, [...first, '-p', options.project, ...files, ...parameters], withinMs),
    docker: (parameters, withinMs = ASK_MS) => call('docker', parameters, withinMs),
  }
}

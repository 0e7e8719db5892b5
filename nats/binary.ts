/** Where a nats-server comes from: what is there, else what can be fetched or built. Design §6. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { downloadRelease } from './download.ts'

/** The version that is fetched or built when none is there. */
export const PINNED_VERSION = '2.15.2'

/** The oldest that will do: from it on a bucket's watchers see an entry run out. */
const VERSION_MIN = [2, 11, 2] as const

/** Building compiles some 200 packages; on a small machine that takes minutes. */
const BUILD_MS = 600_000

/** A binary that does not say its version at once is none. */
const VERSION_MS = 10_000

const run = promisify(execFile)

/** No nats-server that will do is there or can be had. The message says what to do, in one screen. */
export class NatsServerMissingError extends Error {
  readonly code = 'NATS_SERVER_MISSING'
  override readonly name = 'NatsServerMissingError'
}

/** What {@link findNatsServer} may be told. */
export interface FindOptions {
  /** Called with a line for a person when something takes long. */
  onProgress?: (text: string) => void
  environment?: NodeJS.ProcessEnv
}

/**
 * The path of a nats-server ≥ 2.11.2: `NATS_SERVER_BIN`, PATH, this user's cache; then the pinned
 * release from the project's GitHub page; then built by `go install`. The last two fill the cache.
 * @throws {NatsServerMissingError}
 */
export async function findNatsServer(options: FindOptions = {}): Promise<string> {
  const { onProgress = () => undefined, environment = process.env } = options
  const rejected: string[] = []
  const explicit = environment.NATS_SERVER_BIN
  if (explicit) {
    if (await isUsable(explicit, rejected)) return explicit
    throw missing([`NATS_SERVER_BIN: ${rejected.join('; ')}`])
  }
  for (const directory of (environment.PATH ?? '').split(delimiter)) {
    const path = join(directory, 'nats-server')
    if (existsSync(path) && (await isUsable(path, rejected))) return path
  }
  const cached = join(cacheDirectory(environment), `nats-server-${PINNED_VERSION}`)
  if (existsSync(cached) && (await isUsable(cached, rejected))) return cached
  return fetchOrBuild(cached, rejected, onProgress)
}

async function fetchOrBuild(
  cached: string,
  rejected: string[],
  onProgress: (text: string) => void,
): Promise<string> {
  const ways: [name: string, make: (directory: string) => Promise<string>][] = [
    ['download', (directory) => downloadRelease(PINNED_VERSION, directory, onProgress)],
    ['go install', (directory) => build(directory, onProgress)],
  ]
  mkdirSync(join(cached, '..'), { recursive: true })
  for (const [name, make] of ways) {
    const directory = mkdtempSync(`${cached}.part-`)
    try {
      const made = await make(directory)
      if (!(await isUsable(made, rejected))) continue
      // In one step: another process that looks meanwhile sees a whole binary or none.
      renameSync(made, cached)
      onProgress(`nats-server ${PINNED_VERSION} is kept in ${cached}`)
      return cached
    } catch (error) {
      rejected.push(`${name}: ${firstLine(error)}`)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
  throw missing(rejected)
}

async function build(directory: string, onProgress: (text: string) => void): Promise<string> {
  onProgress(`building nats-server ${PINNED_VERSION} with go install; once, a minute or two …`)
  await run('go', ['install', `github.com/nats-io/nats-server/v2@v${PINNED_VERSION}`], {
    env: { ...process.env, GOBIN: directory, CGO_ENABLED: '0' },
    timeout: BUILD_MS,
  })
  return join(directory, 'nats-server')
}

async function isUsable(path: string, rejected: string[]): Promise<boolean> {
  try {
    const { stdout } = await run(path, ['--version'], { timeout: VERSION_MS })
    const version = stdout.match(/(\d+)\.(\d+)\.(\d+)/)
    if (version && isNewEnough(version.slice(1).map(Number))) return true
    rejected.push(
      `${path} is ${version?.[0] ?? 'of no known version'}, older than ${VERSION_MIN.join('.')}`,
    )
  } catch (error) {
    rejected.push(`${path} cannot be run: ${firstLine(error)}`)
  }
  return false
}

function isNewEnough(version: number[]): boolean {
  for (const [index, wanted] of VERSION_MIN.entries()) {
    const found = version[index] ?? 0
    if (found !== wanted) return found > wanted
  }
  return true
}

function cacheDirectory(environment: NodeJS.ProcessEnv): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'xmidt-on-nats')
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).trim().split('\n')[0] ?? ''

function missing(rejected: readonly string[]): NatsServerMissingError {
  return new NatsServerMissingError(`no nats-server of version ${VERSION_MIN.join('.')} or newer is to be had.
${rejected.map((reason) => `  - ${reason}`).join('\n')}

Install one, any of these, and start again:
  macOS    brew install nats-server
  Windows  choco install nats-server
  Go       go install github.com/nats-io/nats-server/v2@v${PINNED_VERSION}
  other    https://github.com/nats-io/nats-server/releases/tag/v${PINNED_VERSION}
or name the one you have: NATS_SERVER_BIN=/path/to/nats-server npm start`)
}

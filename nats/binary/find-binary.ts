/** Where a program of NATS comes from: what is there, else what can be fetched or built. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { makeDirectory } from '#libs/files/make-directory.ts'

/** Building compiles some 200 packages; on a small machine that takes minutes. */
const BUILD_MS = 600_000

/** A binary that does not say its version at once is none. */
const VERSION_MS = 10_000

const run = promisify(execFile)

/** A program that is looked for. */
export interface WantedBinary {
  /** What the binary is called. */
  readonly name: string
  /** The variable that names one. */
  readonly variable: string
  /** The oldest that will do. */
  readonly versionMin: readonly [number, number, number]
  /** The version that is fetched or built when none is there. */
  readonly version: string
  /** What `go install` builds. */
  readonly module: string
  /** Fetches that version into a directory and resolves with the binary's path. */
  readonly download?: (options: {
    version: string
    directory: string
    onProgress: (text: string) => void
  }) => Promise<string>
  /** How a person gets one, a line each. */
  readonly advice: readonly string[]
}

/** None that will do is there or can be had. The message says what to do, in one screen. */
export class BinaryMissingError extends Error {
  readonly code = 'BINARY_MISSING'
  override readonly name = 'BinaryMissingError'
}

/** What {@link findBinary} may be told. */
export interface FindOptions {
  /** Called with a line for a person when something takes long. */
  onProgress?: (text: string) => void
  environment?: NodeJS.ProcessEnv
}

/**
 * The path of a binary that is new enough: from its variable, PATH, this user's cache; then the
 * pinned version is fetched, then built by `go install`. The last two fill the cache.
 * @throws {BinaryMissingError}
 */
export async function findBinary(wanted: WantedBinary, options: FindOptions = {}): Promise<string> {
  const { onProgress = () => undefined, environment = process.env } = options
  const rejected: string[] = []
  const explicit = environment[wanted.variable]
  if (explicit) {
    if (await isUsable(wanted, explicit, rejected)) return explicit
    throw missing(wanted, [`${wanted.variable}: ${rejected.join('; ')}`])
  }
  for (const directory of (environment.PATH ?? '').split(delimiter)) {
    const path = join(directory, wanted.name)
    if (existsSync(path) && (await isUsable(wanted, path, rejected))) return path
  }
  const cached = join(cacheDirectory(environment), `${wanted.name}-${wanted.version}`)
  if (existsSync(cached) && (await isUsable(wanted, cached, rejected))) return cached
  return fetchOrBuild(wanted, { cached, rejected, onProgress })
}

interface Making {
  cached: string
  rejected: string[]
  onProgress: (text: string) => void
}

async function fetchOrBuild(wanted: WantedBinary, making: Making): Promise<string> {
  const { cached, rejected, onProgress } = making
  const { name, version, download } = wanted
  const ways: [way: string, make: (directory: string) => Promise<string>][] = [
    ['go install', (directory) => build(wanted, directory, onProgress)],
  ]
  if (download)
    ways.unshift(['download', (directory) => download({ version, directory, onProgress })])
  makeDirectory(join(cached, '..'))
  for (const [way, make] of ways) {
    const directory = mkdtempSync(`${cached}.part-`)
    try {
      const made = await make(directory)
      if (!(await isUsable(wanted, made, rejected))) continue
      // In one step: another process that looks meanwhile sees a whole binary or none.
      renameSync(made, cached)
      onProgress(`${name} ${version} is kept in ${cached}`)
      return cached
    } catch (error) {
      rejected.push(`${way}: ${firstLine(error)}`)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
  throw missing(wanted, rejected)
}

async function build(
  { name, version, module }: WantedBinary,
  directory: string,
  onProgress: (text: string) => void,
): Promise<string> {
  onProgress(`building ${name} ${version} with go install; once, a minute or two …`)
  await run('go', ['install', `${module}@v${version}`], {
    env: { ...process.env, GOBIN: directory, CGO_ENABLED: '0' },
    timeout: BUILD_MS,
  })
  return join(directory, name)
}

async function isUsable(
  { versionMin }: WantedBinary,
  path: string,
  rejected: string[],
): Promise<boolean> {
  try {
    const { stdout } = await run(path, ['--version'], { timeout: VERSION_MS })
    const version = stdout.match(/(\d+)\.(\d+)\.(\d+)/)
    if (version && isNewEnough(version.slice(1).map(Number), versionMin)) return true
    rejected.push(
      `${path} is ${version?.[0] ?? 'of no known version'}, older than ${versionMin.join('.')}`,
    )
  } catch (error) {
    rejected.push(`${path} cannot be run: ${firstLine(error)}`)
  }
  return false
}

function isNewEnough(version: number[], versionMin: readonly number[]): boolean {
  for (const [index, wanted] of versionMin.entries()) {
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

function missing(
  { name, versionMin, variable, version, module, advice }: WantedBinary,
  rejected: readonly string[],
): BinaryMissingError {
  return new BinaryMissingError(`no ${name} of version ${versionMin.join('.')} or newer is to be had.
${rejected.map((reason) => `  - ${reason}`).join('\n')}

Install one, any of these, and start again:
${advice.map((line) => `  ${line}`).join('\n')}
  Go       go install ${module}@v${version}
or name the one you have: ${variable}=/path/to/${name}`)
}

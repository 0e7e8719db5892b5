/**
 * `xmidt contexts`: writes contexts of the `nats` command, of the fabric that runs here or of one
 * that the arguments and the environment name, into the user's own configuration or elsewhere.
 */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { contextsEnv } from '#apps/xmidt/environment.ts'
import { UserError } from '#apps/xmidt/failure.ts'
import { writePrivate } from '#apps/xmidt/private-file.ts'
import { readRunning } from '#apps/xmidt/workspace.ts'
import { loadConfig } from '#libs/config/load.ts'
import {
  contextFiles,
  contextTree,
  isOwnContext,
  PERSONS,
  type ContextOptions,
} from './nats-context.ts'

/** What `contexts` was told. */
export interface ContextsOptions {
  /** Where the running fabric keeps its data. */
  directory: string
  /** A directory that XDG_CONFIG_HOME will name; undefined means the user's own configuration. */
  output: string | undefined
  /** Servers of another fabric; the passwords are then in the environment. */
  url: string | undefined
  caFile: string | undefined
  /** Overwrites what somebody else made under the same name. */
  isForced: boolean
}

/**
 * Writes them, says what it did, and resolves with the exit code: 1 where a context of somebody
 * else's was left alone. @throws {UserError}
 */
export function contexts(options: ContextsOptions): number {
  const { output, isForced } = options
  const wanted = wantedOf(options)
  if (output !== undefined) {
    for (const [name, text] of Object.entries(contextTree(wanted))) {
      writePrivate(join(output, name), text)
    }
    say(`written beneath ${output}; XDG_CONFIG_HOME=${output} nats --context xmidt-operator …`)
    return 0
  }
  const directory = join(
    process.env.XDG_CONFIG_HOME || join(homedir(), '.config'),
    'nats',
    'context',
  )
  let leftCount = 0
  for (const [name, text] of Object.entries(contextFiles(wanted))) {
    const file = join(directory, name)
    const found = readIfThere(file)
    if (found === text) say(`unchanged  ${file}`)
    else if (found !== undefined && !isForced && !isOwnContext(found)) {
      leftCount += 1
      say(`left alone ${file}: somebody else made it; --force overwrites it`)
    } else {
      writePrivate(file, text)
      say(`${found === undefined ? 'made      ' : 'renewed   '} ${file}`)
    }
  }
  return leftCount > 0 ? 1 : 0
}

function wantedOf({ directory, url, caFile }: ContextsOptions): ContextOptions {
  if (url === undefined) {
    const { running, credentials } = readRunning(directory)
    return { url: `nats://${new URL(running.natsUrl).host}`, passwords: credentials.nats }
  }
  if (/\/\/[^/,]*@/.test(url)) throw new UserError('--url is without user and password')
  const environment = loadConfig(contextsEnv, process.env)
  const passwords = Object.fromEntries(
    PERSONS.map((user) => [
      user,
      environment[`NATS_${user.toUpperCase() as Uppercase<typeof user>}_PASSWORD`],
    ]),
  )
  if (Object.values(passwords).every((each) => each === '')) {
    throw new UserError(
      `with --url the password of at least one user must be given: ${Object.keys(contextsEnv.shape).join(', ')}`,
    )
  }
  return { url, passwords, ca: caFile === undefined ? undefined : resolve(caFile) }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new UserError(`${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)

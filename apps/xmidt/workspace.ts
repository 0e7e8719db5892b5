/**
 * The directory in which `up` keeps what outlives a run: the store of nats-server, the keys of
 * Themis, the passwords made at first start, the logs; and where the other commands find a
 * running fabric.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { makeDirectory } from '#libs/files/make-directory.ts'
import { USER_NAMES } from '#nats/permissions.ts'
import { UserError } from './failure.ts'
import { contextTree } from './nats-cli/nats-context.ts'
import { requireOwnDirectory } from './own-directory.ts'
import { writePrivate } from './private-file.ts'

const password = z.string().min(1)

const credentialsSchema = z.object({
  /** Of each user of NATS. */
  nats: z.record(z.enum(USER_NAMES), password),
  /** Password of the caller `operator`, at Themis, Scytale and Caduceus. */
  operator: password,
  /** Password with which the devices get their tokens from Themis. */
  device: password,
  /** The secret with which Caduceus signs what it sends to the demonstration's receiver. */
  webhook: password,
  /** The key that Caduceus seals the secrets of webhooks with, 32 bytes in base64. */
  webhookKey: password,
})

/** Passwords, made once and kept. */
export type Credentials = z.infer<typeof credentialsSchema>

const runningSchema = z.object({
  themisUrl: z.string(),
  scytaleUrl: z.string(),
  caduceusUrl: z.string(),
  /** With the tools user in it, as it is what a person types. */
  natsUrl: z.string(),
})

/** Where the parts of a running fabric are. */
export type Running = z.infer<typeof runningSchema>

/** A directory that can be written, and the paths in it. */
export interface Workspace {
  readonly directory: string
  readonly storeDirectory: string
  readonly logDirectory: string
  readonly keyFile: string
  readonly credentials: Credentials
  /** What XDG_CONFIG_HOME names for the `nats` command. */
  readonly cliDirectory: string
  /** Writes the contexts of the `nats` command for a server. */
  writeContexts(url: string): void
  /** Tells the other commands where everything is, until {@link forgetRunning}. */
  rememberRunning(running: Running): void
  forgetRunning(): void
}

/**
 * Makes or opens the workspace.
 * @param isFresh empties it first: streams, keys, passwords and logs are made anew.
 * @throws {UserError} when it cannot be written, or others can write there.
 */
export function openWorkspace(directory: string, isFresh: boolean): Workspace {
  const path = (name: string): string => join(directory, name)
  try {
    makeDirectory(directory, 0o700)
    requireOwnDirectory(directory, [])
    // Only what is ours: the directory may be one that somebody named by mistake.
    if (isFresh)
      for (const name of OWN_ENTRIES) rmSync(path(name), { recursive: true, force: true })
    requireOwnDirectory(directory, SECRET_FILES)
    for (const name of ['nats', 'logs']) makeDirectory(path(name))
    const credentials = openCredentials(path('credentials.json'))
    return {
      directory,
      storeDirectory: path('nats'),
      logDirectory: path('logs'),
      keyFile: path('themis-key.pem'),
      credentials,
      cliDirectory: path('cli'),
      writeContexts(url) {
        const files = contextTree({ url, passwords: credentials.nats })
        for (const [name, text] of Object.entries(files))
          writePrivate(path(join('cli', name)), text)
      },
      rememberRunning: (running) => writeJson(path('running.json'), running),
      forgetRunning: () => rmSync(path('running.json'), { force: true }),
    }
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(
      `the directory ${directory} cannot be used: ${(error as Error).message}\n` +
        'Make it writable for you, or name another: npm start -- --directory /tmp/xmidt',
      { cause: error },
    )
  }
}

/** What is read again at the next start, or by the other commands. */
const SECRET_FILES = ['credentials.json', 'running.json', 'themis-key.pem']

const OWN_ENTRIES = ['nats', 'logs', 'cli', 'themis-key.pem', 'credentials.json', 'running.json']

/**
 * What a command on the same machine needs to talk to a running fabric.
 * @throws {UserError} when none was started from here, or others could have written what is read.
 */
export function readRunning(directory: string): { running: Running; credentials: Credentials } {
  try {
    if (existsSync(directory)) requireOwnDirectory(directory, SECRET_FILES)
    const read = (name: string): unknown => JSON.parse(readFileSync(join(directory, name), 'utf8'))
    return {
      running: runningSchema.parse(read('running.json')),
      credentials: credentialsSchema.parse(read('credentials.json')),
    }
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(
      `no fabric is running here (${join(directory, 'running.json')} is not there): start one with\n` +
        '"npm start", or name one by XMIDT_THEMIS_URL, XMIDT_SCYTALE_URL, XMIDT_NATS_URL and\n' +
        'XMIDT_CALLER (user:password)',
      { cause: error },
    )
  }
}

/** Makes what is missing: all at first, and what a newer version has besides. */
function openCredentials(file: string): Credentials {
  try {
    const kept = keptSchema.parse(JSON.parse(readIfThere(file) ?? '{}'))
    const made = (): string => randomBytes(12).toString('hex')
    const credentials = credentialsSchema.parse({
      nats: Object.fromEntries(USER_NAMES.map((user) => [user, kept.nats?.[user] ?? made()])),
      operator: kept.operator ?? made(),
      device: kept.device ?? made(),
      webhook: kept.webhook ?? made(),
      webhookKey: kept.webhookKey ?? randomBytes(32).toString('base64'),
    })
    if (JSON.stringify(kept) !== JSON.stringify(credentials)) writeJson(file, credentials)
    return credentials
  } catch (error) {
    if (!(error instanceof z.ZodError || error instanceof SyntaxError)) throw error
    throw new UserError(
      `${file} cannot be read as the passwords of this fabric: "npm start -- --fresh" makes everything anew`,
      { cause: error },
    )
  }
}

const keptSchema = credentialsSchema.extend({ nats: z.record(z.string(), password) }).partial()

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
}

const writeJson = (file: string, value: unknown): void =>
  writePrivate(file, `${JSON.stringify(value, null, 2)}\n`)

/**
 * `xmidt secrets`: makes what a deployment must keep to itself, at its first run and never again:
 * passwords, a certificate authority with the servers' certificates, the key of Themis. Each part of
 * the stack finds its own in a directory of its own.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openKey } from '#apps/themis/key.ts'
import { OPERATOR, publicUrls } from '#apps/xmidt/access.ts'
import { UserError } from '#apps/xmidt/failure.ts'
import { writePrivate } from '#apps/xmidt/private-file.ts'
import { isDue, makeAuthority, makeServerCertificate, type Pair } from './certificates.ts'
import { layout } from './layout.ts'
import { makePasswords, readPasswords, type Passwords } from './passwords.ts'
import { NATS_SERVERS } from './servers.ts'

/** What {@link secrets} was told. */
export interface SecretsOptions {
  /** Where they are kept; beneath it a directory for each part. */
  directory: string
  /** Prints them, as assignments for a shell, and makes nothing. */
  isShown: boolean
}

/** Makes what is missing, or shows what there is. @throws {UserError} for what cannot be used. */
export async function secrets(options: SecretsOptions): Promise<void> {
  const { directory, isShown } = options
  if (isShown) return show(directory)
  try {
    process.stdout.write(`${(await make(directory)).join('\n')}\n`)
  } catch (error) {
    throw new UserError(`the directory ${directory} cannot be used: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

async function make(directory: string): Promise<string[]> {
  const path = (...names: string[]): string => join(directory, ...names)
  const keptPasswords = read(path('passwords.json'))
  const passwords = keptPasswords === undefined ? makePasswords() : readPasswords(keptPasswords)
  write(path('passwords.json'), `${JSON.stringify(passwords, null, 2)}\n`)

  const authority =
    readPair(path('authority')) ??
    writePair(path('authority'), await makeAuthority('XMiDT on NATS'))
  const servers = {} as Record<(typeof NATS_SERVERS)[number], Pair>
  const renewed: string[] = []
  for (const name of NATS_SERVERS) {
    const kept = readPair(path(name))
    if (kept && !isDue(kept.certificate, authority.certificate)) {
      servers[name] = kept
      continue
    }
    servers[name] = await makeServerCertificate(authority, [name, 'localhost', '127.0.0.1'])
    if (kept) renewed.push(name)
  }

  const files = layout({ passwords, authority: authority.certificate, servers })
  for (const [name, contents] of Object.entries(files)) {
    for (const [file, content] of Object.entries(contents)) write(path(name, file), content)
  }
  openKey(path('themis', 'key.pem'))
  return [
    keptPasswords === undefined
      ? 'made: passwords, certificates, the key of Themis. They are kept until "down -v".'
      : 'kept: passwords, certificates, the key of Themis.',
    ...renewed.map((name) => `renewed: the certificate of ${name}; restart it to make it count`),
    `the caller is ${OPERATOR}; to see its password: docker compose run --rm secrets --show`,
    'to use it:  eval "$(docker compose run --rm -T secrets --show)" && curl -u "$XMIDT_CALLER" …',
  ]
}

function show(directory: string): void {
  const text = read(join(directory, 'passwords.json'))
  if (text === undefined) throw new UserError('there are no secrets yet: docker compose up')
  const passwords: Passwords = readPasswords(text)
  const variables = {
    XMIDT_CALLER: `${OPERATOR}:${passwords.operator}`,
    XMIDT_DEVICE: `device:${passwords.device}`,
    XMIDT_GRAFANA: `admin:${passwords.grafana}`,
    ...publicUrls(),
  }
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'\n`)
  process.stdout.write(lines.join(''))
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Left alone where nothing changes. */
function write(file: string, content: string): void {
  if (read(file) !== content) writePrivate(file, content)
}

function readPair(directory: string): Pair | undefined {
  const certificate = read(join(directory, 'certificate.pem'))
  const key = read(join(directory, 'key.pem'))
  return certificate === undefined || key === undefined ? undefined : { certificate, key }
}

function writePair(directory: string, pair: Pair): Pair {
  // The key first: a certificate without its key is of no use, and is made again.
  write(join(directory, 'key.pem'), pair.key)
  write(join(directory, 'certificate.pem'), pair.certificate)
  return pair
}

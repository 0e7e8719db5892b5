import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '#tests/support/eventually.ts'
import { productionAccounts, REGION_ACCOUNTS } from './configure.ts'
import { REGION, USERS } from './permissions.ts'

const production = join(import.meta.dirname, 'production')
const binary = process.env.NATS_SERVER_BIN ?? 'nats-server'
const passwords = Object.fromEntries(
  [...USERS, REGION].map(({ user }) => [`NATS_${user.toUpperCase()}_PASSWORD`, `${user}secret`]),
)
let directory: string

/** What a server says once the other one has shown who it is. */
const JOINED = /JetStream using domains: local "east", remote "west"/

const openssl = (...parameters: string[]): unknown =>
  execFileSync('openssl', parameters, { cwd: directory, stdio: 'pipe' })

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'xmidt-regions-'))
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const authority of ['ca', 'stranger']) {
    const made = ['-x509', '-keyout', `${authority}.key`, '-out', `${authority}.crt`, '-days', '1']
    openssl('req', ...curve, ...made, '-subj', `/CN=${authority}`)
    const server = `server-of-${authority}`
    writeFileSync(join(directory, 'names'), 'subjectAltName=IP:127.0.0.1')
    openssl(
      'req',
      ...curve,
      '-keyout',
      `${server}.key`,
      '-out',
      `${server}.csr`,
      '-subj',
      '/CN=nats',
    )
    const signed = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial']
    const form = [
      '-in',
      `${server}.csr`,
      '-out',
      `${server}.crt`,
      '-days',
      '1',
      '-extfile',
      'names',
    ]
    openssl('x509', '-req', ...form, ...signed)
  }
})
afterAll(() => rmSync(directory, { recursive: true }))

/** The environment of a server whose certificate `authority` signed; all trust `ca`. */
const environment = (name: string, authority: string, leafPort: number): NodeJS.ProcessEnv => ({
  NATS_SERVER_NAME: name,
  NATS_TLS_CERT: join(directory, `server-of-${authority}.crt`),
  NATS_TLS_KEY: join(directory, `server-of-${authority}.key`),
  NATS_TLS_CA: join(directory, 'ca.crt'),
  NATS_STORE_DIRECTORY: join(directory, name),
  NATS_REGION_URLS: `["tls://region:${passwords.NATS_REGION_PASSWORD}@127.0.0.1:${leafPort}"]`,
  ...passwords,
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

/** The file of production with the ports of this test; the further servers of its region are away. */
function onThisMachine(region: string, name: string, leafPort: number): string {
  // What it includes stands beside it.
  cpSync(production, join(directory, 'production'), { recursive: true })
  const frame = join(directory, 'production', 'fabric.conf')
  const ports = { 'port: 4222': 'listen: "127.0.0.1:-1"', 'http: 127.0.0.1:8222': '' }
  writeFileSync(frame, replacing(readFileSync(frame, 'utf8'), ports))
  const text = readFileSync(join(production, 'regions', `${region}.conf`), 'utf8')
  const others = Object.fromEntries(
    [1, 2, 3].map((index) => [`tls://${region}-${index}:6222`, `tls://127.0.0.1:${index}`]),
  )
  const file = join(directory, 'production', 'regions', `${name}.conf`)
  const cluster = { 'port: 6222': 'listen: "127.0.0.1:-1"' }
  const leaf = region === 'east' ? { 'port: 7422': `listen: "127.0.0.1:${leafPort}"` } : {}
  writeFileSync(file, replacing(text, { ...others, ...cluster, ...leaf }))
  return file
}

/** @throws when what is to be replaced is not there, or is there twice. */
function replacing(text: string, changes: Readonly<Record<string, string>>): string {
  return Object.entries(changes).reduce((changed, [from, to]) => {
    expect(changed.split(from)).toHaveLength(2)
    return changed.replace(from, to)
  }, text)
}

/** A running server and what it has said so far. */
interface Running extends AsyncDisposable {
  readonly said: string
}

async function start(
  region: string,
  name: string,
  authority: string,
  leafPort: number,
): Promise<Running> {
  const file = onThisMachine(region, name, leafPort)
  mkdirSync(join(directory, name))
  const child: ChildProcess = spawn(binary, ['-c', file], {
    env: environment(name, authority, leafPort),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr?.on('data', (data: Buffer) => (said += data.toString()))
  return {
    get said() {
      return said
    },
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit')
      if (child.exitCode !== null) return
      child.kill('SIGKILL')
      await gone
    },
  }
}

describe('the configuration of regions for production', () => {
  it.each(['east', 'west'])('of the %s is accepted by the server', (region) => {
    const tested = execFileSync(
      binary,
      ['-t', '-c', join(production, 'regions', `${region}.conf`)],
      {
        stdio: 'pipe',
        env: environment(`${region}-1`, 'ca', 7422),
      },
    )
    expect(tested).toBeDefined()
  })

  it('has the accounts that the table gives: else run "npm run nats:configure"', () => {
    expect(readFileSync(REGION_ACCOUNTS, 'utf8')).toBe(productionAccounts([...USERS, REGION]))
  })

  it('joins two servers that know each other by their certificates', async () => {
    const port = await freePort()
    await using east = await start('east', 'east-joined', 'ca', port)
    await using west = await start('west', 'west-joined', 'ca', port)
    await eventually(() => expect(east.said).toMatch(JOINED), { withinMs: 15_000 })
    expect(west.said).not.toMatch(/handshake error/)
  })

  it.each(['east', 'west'])(
    'joins none while the certificate of the %s is signed by a stranger',
    async (strange) => {
      const port = await freePort()
      const authorityOf = (region: string): string => (region === strange ? 'stranger' : 'ca')
      await using east = await start('east', `east-${strange}`, authorityOf('east'), port)
      await using west = await start('west', `west-${strange}`, authorityOf('west'), port)
      const refusing = strange === 'east' ? west : east
      await eventually(
        () =>
          expect(refusing.said).toMatch(
            /TLS (leafnode )?handshake error|certificate signed by unknown/i,
          ),
        { withinMs: 15_000 },
      )
      expect(east.said).not.toMatch(JOINED)
    },
  )
})

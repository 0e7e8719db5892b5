import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { eventually } from '#tests/support/eventually.ts'
import { PRODUCTION_ACCOUNTS, productionAccounts } from './configure.ts'
import { guardChild } from './guard.ts'
import { USERS } from './permissions.ts'

const production = join(import.meta.dirname, 'production')
/** A plain word, one in quotes and a bcrypt hash are what a password may be. */
const FORMS = ['word', '"one two"', '"$2a$11$abc"']
const passwords = Object.fromEntries(
  USERS.map(({ user }, index) => [
    `NATS_${user.toUpperCase()}_PASSWORD`,
    FORMS[index % FORMS.length] ?? '',
  ]),
)
let directory: string
let certificate: string
let key: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'xmidt-nats-'))
  certificate = join(directory, 'certificate.pem')
  key = join(directory, 'key.pem')
  const made = ['-keyout', key, '-out', certificate, '-days', '1', '-subj', '/CN=nats', '-nodes']
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  execFileSync('openssl', ['req', '-x509', ...curve, ...made, ...names], { stdio: 'ignore' })
})
afterAll(() => rmSync(directory, { recursive: true }))

/** What a server finds in its environment. */
const environment = (): Record<string, string> => ({
  NATS_TLS_CERT: certificate,
  NATS_TLS_KEY: key,
  NATS_TLS_CA: certificate,
  NATS_STORE_DIRECTORY: directory,
  ...passwords,
})

describe('the configuration for production', () => {
  it.each(['node-1', 'node-2', 'node-3'])('of %s is accepted by the server', (name) => {
    const binary = process.env.NATS_SERVER_BIN ?? 'nats-server'
    const tested = execFileSync(binary, ['-t', '-c', join(production, `${name}.conf`)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment(),
    })
    expect(tested).toBeDefined()
  })

  it('is refused by the server while a secret is missing', () => {
    const binary = process.env.NATS_SERVER_BIN ?? 'nats-server'
    const testing = (): unknown =>
      execFileSync(binary, ['-t', '-c', join(production, 'node-1.conf')], {
        stdio: 'pipe',
        env: {},
      })
    expect(testing).toThrow(/variable reference/)
  })

  it('lets an app in that knows who signed its certificate, and no app trusts it without', async () => {
    // One of the three without its cluster, on any ports.
    const anywhere = ['-a', '127.0.0.1', '-p', '-1', '-m', '-1', '--ports_file_dir', directory]
    const configuration = ['-c', join(production, 'fabric.conf')]
    const binary = process.env.NATS_SERVER_BIN ?? 'nats-server'
    const server = spawn(binary, [...configuration, ...anywhere], {
      stdio: 'ignore',
      env: environment(),
    })
    const ended = once(server, 'exit')
    if (server.pid !== undefined) guardChild(server.pid)
    try {
      const [host] = await eventually(() => {
        const file = join(directory, `${basename(binary)}_${server.pid}.ports`)
        return (JSON.parse(readFileSync(file, 'utf8')) as { nats: [string] }).nats
      })
      const url = `tls://talaria:word@127.0.0.1:${new URL(host).port}`
      const lines: string[] = []
      const destination = { write: (line: string) => void lines.push(line) }
      const log = createLogger('test', { level: 'warn', destination })
      await using nats = await connectNats({ url, caFile: certificate, name: 'test', log })
      expect(nats.createInbox()).toMatch(/^_INBOX_talaria\./)
      expect(lines).toEqual([])
      const ending = new AbortController()
      const { signal } = ending
      const trusting = connectNats({ url, name: 'test', log, signal })
      const refused = expect(trusting).rejects.toThrow(/stopped while waiting/)
      await eventually(() => expect(lines.join('')).toMatch(/self-signed certificate/))
      ending.abort()
      await refused
    } finally {
      server.kill('SIGKILL')
      await ended
    }
  })

  it('has the accounts that the table gives: else run "npm run nats:configure"', () => {
    expect(readFileSync(PRODUCTION_ACCOUNTS, 'utf8')).toBe(productionAccounts())
  })
})

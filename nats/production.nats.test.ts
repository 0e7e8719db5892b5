import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PRODUCTION_ACCOUNTS, productionAccounts } from './configure.ts'
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
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  execFileSync('openssl', ['req', '-x509', ...curve, ...made], { stdio: 'ignore' })
})
afterAll(() => rmSync(directory, { recursive: true }))

describe('the configuration for production', () => {
  it.each(['node-1', 'node-2', 'node-3'])('of %s is accepted by the server', (name) => {
    const binary = process.env.NATS_SERVER_BIN ?? 'nats-server'
    const tested = execFileSync(binary, ['-t', '-c', join(production, `${name}.conf`)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        NATS_TLS_CERT: certificate,
        NATS_TLS_KEY: key,
        NATS_TLS_CA: certificate,
        NATS_STORE_DIRECTORY: directory,
        ...passwords,
      },
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

  it('has the accounts that the table gives: else run "npm run nats:configure"', () => {
    expect(readFileSync(PRODUCTION_ACCOUNTS, 'utf8')).toBe(productionAccounts())
  })
})

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, connect, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { isDue, makeAuthority, makeServerCertificate } from './certificates.ts'
import { secrets } from './secrets.ts'

let directory: string
let printed: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'secrets-'))
  printed = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text)
    return true
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(directory, { recursive: true })
})

const make = () => secrets({ directory, isShown: false })
const show = () => secrets({ directory, isShown: true })
const read = (...names: string[]) => readFileSync(join(directory, ...names), 'utf8')

/** Every file beneath the directory, by its path. */
function all(): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
  return Object.fromEntries(
    files
      .filter((file) => file.isFile())
      .map(({ parentPath, name }) => [
        join(parentPath, name),
        readFileSync(join(parentPath, name), 'utf8'),
      ]),
  )
}

describe('the secrets of a deployment', () => {
  it('are made at the first run and kept at every other', async () => {
    await make()
    const first = all()
    expect(printed).toContain('made:')
    await make()
    expect(all()).toEqual(first)
    expect(printed).toContain('kept:')
  })

  it('are for their owner to read and nobody else', async () => {
    await make()
    const open = Object.keys(all()).filter((file) => (statSync(file).mode & 0o077) !== 0)
    expect(open).toEqual([])
  })

  it('are in no line that is logged, only in what is asked for', async () => {
    await make()
    const passwords = read('passwords.json').match(/[0-9a-f]{48}/g) ?? []
    expect(new Set(passwords).size).toBe(passwords.length)
    expect(passwords.length).toBeGreaterThan(8)
    for (const password of passwords) expect(printed).not.toContain(password)
    await show()
    const caller = read('scytale', 'caller-credentials').trim()
    expect(printed).toContain(`export XMIDT_CALLER='${caller}'\n`)
  })

  it('give each app the user of NATS that is its own, and no other password', async () => {
    await make()
    const { nats } = JSON.parse(read('passwords.json')) as { nats: Record<string, string> }
    for (const app of ['talaria', 'petasos', 'scytale', 'caduceus']) {
      const files = readdirSync(join(directory, app)).map((file) => read(app, file))
      for (const [user, password] of Object.entries(nats)) {
        expect(files.join('').includes(password)).toBe(user === app)
      }
    }
    expect(read('streams', 'nats-url')).toContain(
      `tls://provisioner:${nats.provisioner}@nats-1:4222`,
    )
  })

  it('that were damaged are refused, and not made anew beneath a running deployment', async () => {
    await make()
    writeFileSync(join(directory, 'passwords.json'), '{"operator": "x"}')
    await expect(make()).rejects.toMatchObject({ code: 'USER_ERROR' })
  })

  it('cannot be shown before they were made', async () => {
    await expect(show()).rejects.toThrow('docker compose up')
  })

  it('renew the certificate of a server that ends soon, and say so', async () => {
    await make()
    const authority = {
      certificate: read('authority', 'certificate.pem'),
      key: read('authority', 'key.pem'),
    }
    const old = await makeServerCertificate(authority, ['nats-2'], Date.now() - 800 * 86_400_000)
    writeFileSync(join(directory, 'nats-2', 'certificate.pem'), old.certificate)
    writeFileSync(join(directory, 'nats-2', 'key.pem'), old.key)
    const before = read('nats-1', 'certificate.pem')
    await make()
    expect(printed).toContain('renewed: the certificate of nats-2')
    expect(isDue(read('nats-2', 'certificate.pem'), authority.certificate)).toBe(false)
    expect(read('nats-1', 'certificate.pem')).toBe(before)
  })
})

describe('a certificate', () => {
  /** The fault of a handshake in which both sides show theirs; undefined when there is none. */
  async function handshake(name: string, ca: string): Promise<string | undefined> {
    await make()
    const pair = (server: string) => ({
      cert: read(server, 'certificate.pem'),
      key: read(server, 'key.pem'),
    })
    const own = read('nats-1', 'ca.pem')
    const server = createServer({
      ...pair('nats-1'),
      ca: own,
      requestCert: true,
      rejectUnauthorized: true,
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const socket: TLSSocket = connect({ port, servername: name, ca, ...pair('nats-2') })
    try {
      return await new Promise((resolve) => {
        server.once('secureConnection', () => resolve(undefined))
        server.on('tlsClientError', (error) => resolve(error.message))
        socket.once('error', (error) => resolve(error.message))
      })
    } finally {
      socket.destroy()
      server.close()
    }
  }

  it('lets servers of a cluster know each other, both ways', async () => {
    await make()
    expect(await handshake('nats-1', read('nats-1', 'ca.pem'))).toBeUndefined()
  })

  it('is good for its server alone', async () => {
    await make()
    expect(await handshake('nats-3', read('nats-1', 'ca.pem'))).toContain('nats-3')
  })

  it('is not believed by who trusts another authority, nor taken for one of it', async () => {
    const other = await makeAuthority('another')
    expect(await handshake('nats-1', other.certificate)).toBeDefined()
    expect(isDue(read('nats-1', 'certificate.pem'), other.certificate)).toBe(true)
  })
})

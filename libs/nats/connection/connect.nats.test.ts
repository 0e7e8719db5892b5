import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { startNatsServer } from '#nats/server.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats, TEST_PASSWORDS, type TestNats } from '#tests/support/nats.ts'
import { connectNats, type Nats } from './connect.ts'

let server: TestNats
let lines: string[]
let log: ReturnType<typeof createLogger>

beforeEach(async () => {
  server = await startTestNats()
  lines = []
  log = createLogger('test', {
    level: 'debug',
    destination: { write: (line) => void lines.push(line) },
  })
})
afterEach(() => server[Symbol.asyncDispose]())

const open = (url = server.urlOf('library')): Promise<Nats> =>
  connectNats({ url, name: 'test', log })

/** Resolves at the next change to `wanted`. */
function change(nats: Nats, wanted: boolean): Promise<void> {
  return new Promise((resolve) => {
    const unlisten = nats.onConnectedChange((isConnected) => {
      if (isConnected !== wanted) return
      unlisten()
      resolve()
    })
  })
}

describe('a connection to NATS', () => {
  it('with a wrong password fails at once, and its error has no password in it', async () => {
    const url = server.urlOf('library').replace(/:[^:@]+@/, ':hush@')
    const opened = open(url)
    await expect(opened).rejects.toMatchObject({ code: 'NATS_CONNECT_FAILED' })
    await expect(opened).rejects.toThrow(/refuses the credentials of test/)
    await expect(opened).rejects.not.toThrow(/hush/)
  })

  it.each(['http://127.0.0.1:4222', '127.0.0.1:4222', ''])(
    'to %j is refused as no NATS URL',
    async (url) => {
      await expect(open(url)).rejects.toMatchObject({ code: 'NATS_CONNECT_FAILED' })
    },
  )

  it('tries again when the server did not get its credentials in time', async () => {
    const { port } = server.server
    let connections = 0
    const proxy = createServer((socket) => {
      connections += 1
      const upstream = connect(port, '127.0.0.1')
      upstream.pipe(socket)
      // The first gets the server's word, and its own never arrives.
      if (connections > 1) socket.pipe(upstream)
      for (const end of [socket, upstream]) end.on('error', () => undefined)
    })
    await once(proxy.listen(0, '127.0.0.1'), 'listening')
    const url = new URL(server.urlOf('library'))
    url.port = String((proxy.address() as AddressInfo).port)
    {
      await using nats = await open(url.href)
      expect(nats.isConnected).toBe(true)
    }
    expect(lines.join('')).toMatch(/authentication timeout/i)
    expect(connections).toBe(2)
    proxy.close()
  })

  it('waits for a server that is not there yet', async () => {
    await server.server.stop()
    const opening = open()
    await server.server.restart()
    await using nats = await opening
    expect(nats.isConnected).toBe(true)
  })

  it('that waits for its server gives up when it is told to', async () => {
    await server.server.stop()
    const ending = new AbortController()
    const opening = connectNats({
      url: server.urlOf('library'),
      name: 'test',
      log,
      signal: ending.signal,
    })
    ending.abort()
    await expect(opening).rejects.toThrow('stopped while waiting for NATS')
  })

  it('tells the loss and the return of its server, and serves its subscriptions again', async () => {
    await using nats = await open()
    const received: string[] = []
    nats.connection.subscribe('xmidt.device.mac_112233445566.*', {
      callback: (_, message) => void received.push(message.string()),
    })
    const lost = change(nats, false)
    await server.server.stop('SIGKILL')
    await lost
    expect(nats.isConnected).toBe(false)
    const back = change(nats, true)
    await server.server.restart()
    await back
    expect(nats.isConnected).toBe(true)
    await using other = await open()
    other.connection.publish('xmidt.device.mac_112233445566.session', 'again')
    await other.connection.flush()
    await nats.connection.flush()
    expect(received).toEqual(['again'])
  })

  it('that is disposed has sent what was published and handled what was received', async () => {
    await using reader = await open()
    const received: string[] = []
    reader.connection.subscribe('drained', {
      callback: (_, message) => void received.push(message.string()),
    })
    await reader.connection.flush()
    {
      await using nats = await open()
      for (let index = 0; index < 500; index += 1) nats.connection.publish('drained', `${index}`)
    }
    await reader.connection.flush()
    expect(received).toHaveLength(500)
    expect(received.at(-1)).toBe('499')
  })

  it('whose server is away is disposed without waiting for it', async () => {
    const nats = await open()
    const lost = change(nats, false)
    await server.server.stop('SIGKILL')
    await lost
    nats.connection.publish('nowhere', 'x')
    await nats[Symbol.asyncDispose]()
    expect(nats.connection.isClosed()).toBe(true)
    expect(nats.isConnected).toBe(false)
  })

  it('goes on trying when its server comes back and refuses it for a while', async () => {
    await using nats = await open()
    await server.server.stop('SIGKILL')
    const directory = mkdtempSync(join(tmpdir(), 'xmidt-nats-'))
    const stranger = await startNatsServer({
      binary: process.env.NATS_SERVER_BIN ?? 'nats-server',
      directory,
      port: server.server.port,
      passwords: { ...TEST_PASSWORDS, library: 'another' },
      log,
    })
    const refused = (): number => lines.filter((line) => /authorization/i.test(line)).length
    await eventually(() => expect(refused()).toBeGreaterThan(2), { withinMs: 15_000 })
    await stranger[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true })
    const back = change(nats, true)
    await server.server.restart()
    await back
    expect(nats.connection.isClosed()).toBe(false)
  })

  it('never writes the password to the log', async () => {
    await server.server.stop()
    const ending = new AbortController()
    const opening = connectNats({
      url: server.urlOf('library'),
      name: 'test',
      log,
      signal: ending.signal,
    })
    while (lines.length === 0) await new Promise(setImmediate)
    ending.abort()
    await expect(opening).rejects.toThrow()
    expect(lines.join('')).toContain('nats is away')
    expect(lines.join('')).not.toContain('library-password')
  })

  it('with a file of certificates that is not there fails at once and names it', async () => {
    const opening = connectNats({
      url: server.urlOf('library'),
      caFile: '/no/ca.pem',
      name: 'test',
      log,
    })
    await expect(opening).rejects.toMatchObject({ code: 'NATS_CONNECT_FAILED' })
    await expect(opening).rejects.toThrow(/NATS_CA_FILE cannot be read: .*\/no\/ca\.pem/)
  })

  it('has the inboxes of its user, and without one those of its name', async () => {
    await using nats = await open()
    expect(nats.createInbox()).toMatch(/^_INBOX_library\./)
    expect(nats.createInbox()).not.toBe(nats.createInbox())
  })
})

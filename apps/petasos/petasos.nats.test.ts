import { connect as connectSocket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats, type Nats } from '#libs/nats/connect.ts'
import { openTalarias, type TalariaEntry } from '#libs/nats/talarias.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { start } from './app.ts'
import { petasosEnv } from './config.ts'
import { answer } from './redirect.ts'

const log = createLogger('test', { level: 'silent' })
const entry = (url: string, more: Partial<TalariaEntry> = {}): TalariaEntry => ({
  url,
  region: 'local',
  weight: 1,
  started: '2026-01-01T00:00:00Z',
  devices: 0,
  draining: false,
  ...more,
})

describe('an answer', () => {
  const talarias = new Map([
    ['a', entry('http://a:6200')],
    ['b', entry('http://b:6200')],
  ])
  const name = 'mac:112233445566'

  it.each([
    ['/api/v2/device', '/api/v2/device'],
    ['/api/v2/device/', '/api/v2/device'],
    ['/', ''],
    ['/a?x=%20&y=/', '/a?x=%20&y='],
    ['http://evil.example/api/v2/device', '/api/v2/device'],
    ['http://evil.example', ''],
    ['*', ''],
  ])('to %s keeps the path %s behind the Talaria', (target, path) => {
    const found = answer(name, target, talarias)
    expect(found).toMatchObject({ kind: 'redirect' })
    if (found.kind === 'redirect')
      expect(found.location).toMatch(
        new RegExp(`^http://[ab]:6200${path.replaceAll(/[?]/g, '\\?')}$`),
      )
  })

  it('is the same for every spelling of the id', () => {
    const owner = (spelling: string) => answer(spelling, '/', talarias)
    expect(owner('MAC:11:22:33:44:55:66')).toEqual(owner(name))
    expect(owner('mac:112233445566/service')).toEqual(owner(name))
  })

  it('names nobody that drains, unless all do', () => {
    const draining = new Map([
      ['a', entry('http://a', { draining: true })],
      ['b', entry('http://b')],
    ])
    for (let index = 0; index < 50; index += 1) {
      expect(answer(`serial:${index}`, '/', draining)).toMatchObject({ talaria: 'b' })
    }
    expect(
      answer(name, '/', new Map([['a', entry('http://a', { draining: true })]])),
    ).toMatchObject({
      talaria: 'a',
    })
  })
})

describe('Petasos', () => {
  let nats: TestNats
  let connection: Nats
  let petasos: App

  beforeAll(async () => {
    nats = await startTestNats()
    connection = await connectNats({ url: nats.url, name: 'test', log })
    petasos = await start(
      loadConfig(petasosEnv, {
        NATS_URL: nats.url,
        PETASOS_PORT: '0',
        PETASOS_OPERATIONS_PORT: '0',
      }),
      log,
    )
  })
  afterAll(async () => {
    await petasos?.[Symbol.asyncDispose]()
    await connection?.[Symbol.asyncDispose]()
    await nats?.[Symbol.asyncDispose]()
  })

  const ask = (headers: Record<string, string>, method = 'GET') =>
    fetch(`${petasos.url}/api/v2/device`, { method, headers, redirect: 'manual' })
  const device = { 'X-Webpa-Device-Name': 'mac:112233445566' }

  it('without a Talaria says 503 and when to ask again, and is not ready', async () => {
    const response = await ask(device)
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect((await fetch(`${petasos.operationsUrl}/readyz`)).status).toBe(503)
  })

  it('sends a device to the Talaria that announces itself', async () => {
    const bucket = await openTalarias(connection, log)
    await bucket.put('talaria-1', entry('http://127.0.0.1:6200'))
    await eventually(async () => expect((await ask(device)).status).toBe(307))
    const response = await ask(device)
    expect(response.headers.get('location')).toBe('http://127.0.0.1:6200/api/v2/device')
    expect(await response.text()).toBe(
      '<a href="http://127.0.0.1:6200/api/v2/device">Temporary Redirect</a>.\n\n',
    )
    expect((await fetch(`${petasos.operationsUrl}/readyz`)).status).toBe(200)
  })

  it.each([
    [{}, 'missing device name header\n'],
    [{ 'X-Webpa-Device-Name': 'nonsense' }, 'invalid device name\n'],
    [{ 'X-Webpa-Device-Name': 'event:x' }, 'invalid device name\n'],
  ])('refuses %j with 400 and "%s"', async (headers, text) => {
    const response = await ask(headers as Record<string, string>)
    expect(response.status).toBe(400)
    expect(await response.text()).toBe(text)
  })

  it('redirects every method', async () => {
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE']) {
      expect((await ask(device, method)).status).toBe(307)
    }
  })

  it('gives an upgrade the same answer, whole in the first bytes', async () => {
    const socket = connectSocket(Number(new URL(petasos.url).port), '127.0.0.1')
    socket.write(
      'GET /api/v2/device HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Webpa-Device-Name: mac:112233445566\r\n\r\n',
    )
    const first = await new Promise<string>((resolve) =>
      socket.once('data', (data) => resolve(data.toString())),
    )
    expect(first).toMatch(/^HTTP\/1\.1 307 Temporary Redirect\r\n/)
    expect(first).toContain('Location: http://127.0.0.1:6200/api/v2/device\r\n')
    expect(first).toContain('</a>.')
    socket.destroy()
  })

  it('sends nobody to a Talaria that gave up its lease, and keeps its list while NATS is away', async () => {
    const bucket = await openTalarias(connection, log)
    await bucket.put('talaria-2', entry('http://127.0.0.1:6210'))
    await bucket.delete('talaria-1')
    await eventually(async () => {
      expect((await ask(device)).headers.get('location')).toContain(':6210')
    })
    await nats.server.stop('SIGKILL')
    expect((await ask(device)).status).toBe(307)
    await nats.server.restart()
  })
})

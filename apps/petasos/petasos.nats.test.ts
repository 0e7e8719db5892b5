import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '#libs/config/load.ts'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { openTalarias, type TalariaEntry } from '#libs/nats/bucket/talarias.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { start, type Petasos } from './app.ts'
import { petasosEnv } from './config.ts'

const log = createLogger('test', { level: 'silent' })
const DEVICE = { 'X-Webpa-Device-Name': 'mac:112233445566' }
const PAGE = '<a href="http://127.0.0.1:6200/api/v2/device">Temporary Redirect</a>.\n\n'

const entry = (url: string, more: Partial<TalariaEntry> = {}): TalariaEntry => ({
  url,
  region: 'local',
  weight: 1,
  started: '2026-01-01T00:00:00Z',
  devices: 0,
  draining: false,
  ...more,
})

let nats: TestNats
let connection: Nats
let petasos: Petasos

beforeAll(async () => {
  nats = await startTestNats()
  connection = await connectNats({ url: nats.urlOf('talaria'), name: 'test', log })
  const environment = {
    NATS_URL: nats.urlOf('petasos'),
    PETASOS_PORT: '0',
    PETASOS_INTERNAL_PORT: '0',
    PETASOS_OPERATIONS_PORT: '0',
  }
  petasos = await start(loadConfig(petasosEnv, environment), log)
})
afterAll(async () => {
  await petasos?.[Symbol.asyncDispose]()
  await connection?.[Symbol.asyncDispose]()
  await nats?.[Symbol.asyncDispose]()
})

const ask = (headers: Record<string, string> = DEVICE, method = 'GET') =>
  fetch(`${petasos.url}/api/v2/device`, { method, headers, redirect: 'manual' })

/** What comes back for bytes as they are: the first read alone, and all of it. */
async function exchange(...lines: string[]): Promise<{ first: string; all: string }> {
  const socket = connect(Number(new URL(petasos.url).port), '127.0.0.1')
  const { promise, resolve } = Promise.withResolvers<string>()
  socket.once('data', (data) => resolve(data.toString()))
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  const all = text(socket)
  return { first: await promise, all: await all }
}

const ready = async () => (await fetch(`${petasos.operationsUrl}/readyz`)).status
const metric = async (line: string) =>
  expect(await (await fetch(`${petasos.operationsUrl}/metrics`)).text()).toContain(line)

// The tests follow one another: a Talaria comes, drains, goes.
describe('Petasos', () => {
  it('without a Talaria says 503 and when to ask again, and is not ready', async () => {
    const response = await ask()
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await response.text()).toBe('There are no instances available\n')
    expect(await ready()).toBe(503)
    await metric('xmidt_petasos_requests_refused_total{reason="no-talaria"} 1')
  })

  it('sends a device to the Talaria that announces itself', async () => {
    const bucket = await openTalarias(connection, log)
    await bucket.put('talaria-1', entry('http://127.0.0.1:6200'))
    await eventually(async () => expect(await ready()).toBe(200))
    const response = await ask()
    expect(response.status).toBe(307)
    expect(response.headers.get('location')).toBe('http://127.0.0.1:6200/api/v2/device')
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await response.text()).toBe(PAGE)
    await metric('xmidt_petasos_talarias{state="live"} 1')
    await metric('xmidt_petasos_talarias_stale 0')
  })

  it('sends a device on its internal port to the internal URL, and one outside to the public', async () => {
    const bucket = await openTalarias(connection, log)
    await bucket.put('talaria-1', entry('http://127.0.0.1:6200', { internalUrl: 'http://t1:6200' }))
    const inside = () =>
      fetch(`${petasos.internalUrl}/api/v2/device`, { headers: DEVICE, redirect: 'manual' })
    await eventually(async () =>
      expect((await inside()).headers.get('location')).toBe('http://t1:6200/api/v2/device'),
    )
    expect((await ask()).headers.get('location')).toBe('http://127.0.0.1:6200/api/v2/device')
    await bucket.put('talaria-1', entry('http://127.0.0.1:6200'))
    await eventually(async () =>
      expect((await inside()).headers.get('location')).toBe('http://127.0.0.1:6200/api/v2/device'),
    )
  })

  it('says what it is with every answer', async () => {
    for (const headers of [DEVICE, {}]) {
      const response = await ask(headers)
      for (const name of ['Build', 'Server', 'Region', 'Flavor']) {
        expect(response.headers.get(`X-Petasos-${name}`)).toBeTruthy()
      }
      expect(response.headers.get('X-Petasos-Start-Time')).toMatch(
        /^\d\d [A-Z][a-z]{2} \d\d \d\d:\d\d UTC$/,
      )
    }
  })

  it.each([
    [{}, 'missing device name header\n'],
    [{ 'X-Webpa-Device-Name': '' }, 'missing device name header\n'],
    [{ 'X-Webpa-Device-Name': 'nonsense' }, 'invalid device name\n'],
    [{ 'X-Webpa-Device-Name': 'event:x' }, 'invalid device name\n'],
  ] as [Record<string, string>, string][])(
    'refuses %j with 400 and "%s"',
    async (headers, body) => {
      const response = await ask(headers)
      expect(response.status).toBe(400)
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      expect(await response.text()).toBe(body)
    },
  )

  it('redirects every method and path, with a page for GET only', async () => {
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const response = await fetch(`${petasos.url}/health`, {
        method,
        headers: DEVICE,
        redirect: 'manual',
      })
      expect(response.status).toBe(307)
      expect(response.headers.get('location')).toBe('http://127.0.0.1:6200/health')
      expect(await response.text()).toBe('')
    }
  })

  it.each([
    ['a plain request', ['Connection: close']],
    ['an upgrade', ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']],
  ])('answers %s whole in the first bytes', async (_, more) => {
    const { first, all } = await exchange(
      'GET /api/v2/device HTTP/1.1',
      'Host: 127.0.0.1',
      'X-Webpa-Device-Name: mac:112233445566',
      ...more,
    )
    expect(first).toMatch(/^HTTP\/1\.1 307 Temporary Redirect\r\n/)
    expect(first).toContain('\r\nLocation: http://127.0.0.1:6200/api/v2/device\r\n')
    expect(first.endsWith(`\r\n\r\n${PAGE}`)).toBe(true)
    expect(all).toBe(first)
  })

  it('refuses an upgrade that names no device', async () => {
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket']
    const { all } = await exchange('GET / HTTP/1.1', 'Host: x', ...upgrade)
    expect(all).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\n\r\nmissing device name header\n$/)
  })

  it('takes the first of several device names', async () => {
    const { all } = await exchange(
      'GET / HTTP/1.1',
      'Host: x',
      'Connection: close',
      'X-Webpa-Device-Name: mac:112233445566',
      'X-Webpa-Device-Name: nonsense',
    )
    expect(all).toMatch(/^HTTP\/1\.1 307 /)
  })

  it('sends nobody to a Talaria that drains or gave up its lease', async () => {
    const bucket = await openTalarias(connection, log)
    const leadsTo = (port: string) =>
      eventually(async () => expect((await ask()).headers.get('location')).toContain(port))
    await bucket.put('talaria-1', entry('http://127.0.0.1:6200', { draining: true }))
    await bucket.put('talaria-2', entry('http://127.0.0.1:6210'))
    await leadsTo(':6210')
    await metric('xmidt_petasos_talarias{state="draining"} 1')
    await bucket.delete('talaria-2')
    await leadsTo(':6200')
  })

  it('keeps its list while NATS is away, and says that it may be old', async () => {
    await nats.server.stop('SIGKILL')
    await eventually(() => metric('xmidt_petasos_talarias_stale 1'))
    expect((await ask()).status).toBe(307)
    expect(await ready()).toBe(200)
    await nats.server.restart()
    await eventually(() => metric('xmidt_petasos_talarias_stale 0'))
    const bucket = await openTalarias(connection, log)
    // What is sent before that is lost, and one attempt alone takes 5 s.
    await eventually(() => expect(connection.isConnected).toBe(true))
    const put = () => bucket.put('talaria-3', entry('http://127.0.0.1:6220'))
    await eventually(put, { withinMs: 12_000 })
    await bucket.put('talaria-1', entry('http://127.0.0.1:6200', { draining: true }))
    await eventually(async () => expect((await ask()).headers.get('location')).toContain(':6220'), {
      withinMs: 15_000,
    })
  })
})

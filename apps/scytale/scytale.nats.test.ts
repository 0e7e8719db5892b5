import { randomUUID } from 'node:crypto'
import type { Msg } from '@nats-io/transport-node'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '#libs/config/load.ts'
import { serve, type HttpServer } from '#libs/http/server.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { connectNats, type Nats } from '#libs/nats/connect.ts'
import { replyError, replyReceipt } from '#libs/nats/reply.ts'
import { deviceSubjectKind, deviceSubjects } from '#libs/nats/subjects.ts'
import { wait } from '#libs/retry/wait.ts'
import { decode, encode } from '#libs/wrp/codec.ts'
import { fromJson, toJson } from '#libs/wrp/json.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { startTestNats } from '#tests/support/nats.ts'
import { start } from './app.ts'
import { scytaleEnv } from './config.ts'

const log = pino({ level: 'silent' })
const basic = `Basic ${Buffer.from('caller:secret').toString('base64')}`
const json = { 'content-type': 'application/json', accept: 'application/json' }

const stack = new AsyncDisposableStack()
let natsUrl: string
let nats: Nats
let keys: HttpServer
let scytale: App
let sign: (claims: Record<string, unknown>) => Promise<string>
let deviceCount = 0

/** A device of its own for each test, so that no test hears another's commands. */
const newDevice = (): string => `mac:${(0xaa0000000000 + deviceCount++).toString(16)}`

const startScytale = (environment: Record<string, string> = {}): Promise<App> =>
  start(
    loadConfig(scytaleEnv, {
      NATS_URL: natsUrl,
      SCYTALE_PORT: '0',
      SCYTALE_OPERATIONS_PORT: '0',
      SCYTALE_JWKS_URL: keys.url,
      SCYTALE_BASIC_CREDENTIALS: 'caller:secret',
      ...environment,
    }),
    log,
  )

/** Holds a device as a Talaria would. */
async function hold(
  device: string,
  onCommand: (message: Msg, kind: string) => void | Promise<void>,
): Promise<void> {
  nats.connection.subscribe(deviceSubjects(parseDeviceId(device)), {
    callback: (error, message) => {
      if (!error) void onCommand(message, deviceSubjectKind(message.subject))
    },
  })
  await nats.connection.flush()
}

const answering = (message: Msg): void => {
  const { transaction_uuid, source, dest } = decode(message.data)
  message.respond(
    encode({
      msg_type: 3,
      source: dest!,
      dest: source!,
      transaction_uuid: transaction_uuid!,
      payload: new TextEncoder().encode('{"statusCode":200}'),
    }),
  )
}

const requestTo = (device: string, more: Partial<WrpMessage> = {}): WrpMessage => ({
  msg_type: 3,
  source: 'dns:caller.example',
  dest: `${device}/config`,
  transaction_uuid: randomUUID(),
  payload: new TextEncoder().encode('{"command":"GET","names":["A."]}'),
  ...more,
})

const send = (
  message: WrpMessage,
  {
    headers = {},
    path = '/api/v3/device',
    to = scytale,
  }: { headers?: Record<string, string>; path?: string; to?: App } = {},
): Promise<Response> =>
  fetch(to.url + path, {
    method: 'POST',
    headers: { authorization: basic, ...json, ...headers },
    body: toJson(message),
  })

beforeAll(async () => {
  natsUrl = stack.use(await startTestNats()).url
  nats = stack.use(await connectNats({ url: natsUrl, name: 'test', log }))
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }
  keys = stack.use(
    await serve({
      fetch: () => Response.json({ keys: [jwk] }),
      hostname: '127.0.0.1',
      port: 0,
    }),
  )
  sign = (claims) =>
    new SignJWT({ sub: 'somebody', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setExpirationTime('1h')
      .sign(privateKey)
  scytale = stack.use(await startScytale())
})

afterAll(() => stack.disposeAsync())

describe('a request to a device', () => {
  it("brings back the device's answer in each format and by each path", async () => {
    const device = newDevice()
    await hold(device, answering)
    for (const path of ['/api/v2/device', '/api/v3/device', '/api/v3/device/send']) {
      const response = await send(requestTo(device), { path })
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toBe('application/json')
      expect(response.headers.get('x-scytale-region')).toBe('local')
      const answer = fromJson(await response.text())
      expect(answer).toMatchObject({ msg_type: 3, source: `${device}/config` })
    }
    const response = await fetch(`${scytale.url}/api/v3/device`, {
      method: 'PUT',
      headers: { authorization: basic, 'content-type': 'application/msgpack' },
      body: Buffer.from(encode(requestTo(device))),
    })
    expect(response.headers.get('content-type')).toBe('application/msgpack')
    expect(decode(await response.bytes()).source).toBe(`${device}/config`)
  })

  it('reaches the device as it was sent in headers', async () => {
    const device = newDevice()
    const seen: WrpMessage[] = []
    await hold(device, (message) => {
      seen.push(decode(message.data))
      answering(message)
    })
    const response = await fetch(`${scytale.url}/api/v3/device`, {
      method: 'POST',
      headers: {
        authorization: basic,
        'content-type': 'application/json',
        'x-xmidt-message-type': 'SimpleRequestResponse',
        'x-webpa-device-name': `${device}/config`,
        'x-xmidt-source': 'dns:caller.example',
        'x-xmidt-transaction-uuid': 't-1',
      },
      body: '{"command":"GET"}',
    })
    expect(response.status).toBe(200)
    expect(seen).toMatchObject([{ dest: `${device}/config`, transaction_uuid: 't-1' }])
    expect(Buffer.from(seen[0]!.payload!).toString()).toBe('{"command":"GET"}')
  })

  it('waits on after a receipt', async () => {
    const device = newDevice()
    await hold(device, async (message) => {
      replyReceipt(message, 'talaria-1')
      await wait(1_300)
      answering(message)
    })
    expect((await send(requestTo(device))).status).toBe(200)
  })

  it('is answered with an empty body when it is an event', async () => {
    const device = newDevice()
    await hold(device, (message) => void message.respond())
    const response = await send(requestTo(device, { msg_type: 4 }))
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })
})

describe('no answer of a device', () => {
  it('is 404 at once when no Talaria holds the device', async () => {
    const started = performance.now()
    const response = await send(requestTo(newDevice()))
    expect(response.status).toBe(404)
    expect(await response.text()).toBe('{"code": 404, "message": "no Talaria holds the device"}')
    expect(response.headers.get('x-xmidt-message-error')).toBe('no Talaria holds the device')
    expect(performance.now() - started).toBeLessThan(500)
  })

  it('is 404 after a second when somebody listens and takes nothing', async () => {
    const device = newDevice()
    await hold(device, () => {})
    const started = performance.now()
    const response = await send(requestTo(device))
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({
      message: 'no Talaria took the request: it reached no device',
    })
    expect(performance.now() - started).toBeGreaterThan(900)
  })

  it('is 504 when the Talaria has the request and the device says nothing in time', async () => {
    await using hasty = await startScytale({ SCYTALE_DEVICE_TIMEOUT_MS: '300' })
    const device = newDevice()
    await hold(device, (message) => replyReceipt(message, 'talaria-1'))
    expect((await send(requestTo(device), { to: hasty })).status).toBe(504)
  })

  it("is the Talaria's refusal with its status and text", async () => {
    const device = newDevice()
    await hold(device, (message) => replyError(message, 503, "the device's queue is full"))
    const response = await send(requestTo(device))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('2')
    expect(await response.json()).toEqual({ code: 503, message: "the device's queue is full" })
  })

  it("is 502 when the device's answer is no WRP and JSON is wanted", async () => {
    const device = newDevice()
    await hold(device, (message) => void message.respond('hello'))
    expect((await send(requestTo(device))).status).toBe(502)
  })
})

describe('the statistics of a device', () => {
  it('are what its Talaria says', async () => {
    const device = newDevice()
    await hold(device, (message, kind) => void message.respond(JSON.stringify({ kind })))
    const url = `${scytale.url}/api/v3/device/${device.toUpperCase()}/stat`
    const response = await fetch(url, { headers: { authorization: basic } })
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ kind: 'stat' })
  })

  it('are 404 at once when nobody holds it and 400 when it cannot be one', async () => {
    const headers = { authorization: basic }
    const unknown = await fetch(`${scytale.url}/api/v3/device/${newDevice()}/stat`, { headers })
    expect(unknown.status).toBe(404)
    const malformed = await fetch(`${scytale.url}/api/v2/device/mac:12/stat`, { headers })
    expect(malformed.status).toBe(400)
    expect(await malformed.text()).toBe(
      '{"code": 400, "message": "failed to extract device ID: invalid device name"}',
    )
  })
})

describe('a credential', () => {
  const all = ['x1:webpa:api:.*:all']
  const stat = async (authorization: string | undefined, version = 'v3'): Promise<Response> =>
    fetch(`${scytale.url}/api/${version}/device/${newDevice()}/stat`, {
      headers: authorization === undefined ? {} : { authorization },
    })

  it('that is missing or wrong is 401 with a challenge in v3', async () => {
    for (const authorization of [undefined, 'Bearer', 'Digest x', 'Bearer x.y.z', 'Basic eDp5']) {
      const response = await stat(authorization)
      expect([authorization, response.status]).toEqual([authorization, 401])
      expect(response.headers.get('www-authenticate')).toBe('Bearer')
    }
  })

  it('that is missing or wrong is 403 in v2, and 400 when it is malformed', async () => {
    expect((await stat(undefined, 'v2')).status).toBe(403)
    expect((await stat('Basic eDp5', 'v2')).status).toBe(403)
    expect((await stat('Bearer', 'v2')).status).toBe(400)
  })

  it('that is a token needs a partner and a capability for the path', async () => {
    const bearer = async (claims: Record<string, unknown>): Promise<number> =>
      (await stat(`Bearer ${await sign(claims)}`)).status
    expect(await bearer({ capabilities: all })).toBe(403)
    expect(await bearer({ 'partner-id': 'comcast' })).toBe(403)
    expect(await bearer({ 'partner-id': 'comcast', capabilities: ['x1:webpa:api:hook:all'] })).toBe(
      403,
    )
    expect(await bearer({ 'partner-id': 'comcast', capabilities: all })).toBe(404)
    expect(
      await bearer({ 'partner-id': 'comcast', capabilities: ['x1:webpa:api:device/.*/stat:get'] }),
    ).toBe(404)
  })

  it('that is a token labels the message with its partners and lets it name no others', async () => {
    const device = newDevice()
    const seen: (string[] | undefined)[] = []
    await hold(device, (message) => {
      seen.push(decode(message.data).partner_ids)
      answering(message)
    })
    const claims = { capabilities: all, allowedResources: { allowedPartners: ['a', 'b'] } }
    const headers = { authorization: `Bearer ${await sign(claims)}` }
    expect((await send(requestTo(device), { headers })).status).toBe(200)
    expect((await send(requestTo(device, { partner_ids: ['b'] }), { headers })).status).toBe(200)
    const foreign = await send(requestTo(device, { partner_ids: ['z'] }), { headers })
    expect(foreign.status).toBe(403)
    expect(seen).toEqual([['a', 'b'], ['b']])
  })
})

describe('bad input', () => {
  it('on an unknown route is 400 before any credential', async () => {
    for (const path of ['/', '/api/v4/device', '/api/v3/device', '/api/v3/hook']) {
      const response = await fetch(scytale.url + path, { method: 'POST', body: 'x' })
      expect(response.status).toBe(400)
      expect(await response.text()).toBe('{"code": 400, "message": "Invalid endpoint"}')
    }
  })

  it('with a wrong method is 405 and tells the right ones', async () => {
    const response = await fetch(`${scytale.url}/api/v3/device`, {
      method: 'DELETE',
      headers: json,
    })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST, PUT')
  })

  it('over the limit is 413, declared or not', async () => {
    const body = new Uint8Array(1_100_000)
    const headers = { authorization: basic, 'content-type': 'application/msgpack' }
    const url = `${scytale.url}/api/v3/device`
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(413)
    const stream = new Blob([body]).stream()
    const streamed = { method: 'POST', headers, body: stream, duplex: 'half' } as RequestInit
    expect((await fetch(url, streamed)).status).toBe(413)
  })

  it('that JSON makes longer than NATS takes is 413 and not a failure of the fabric', async () => {
    await using roomy = await startScytale({ SCYTALE_BODY_BYTES_MAX: '4000000' })
    const message = requestTo(newDevice(), { payload: new Uint8Array(1_048_000) })
    expect((await send(message, { to: roomy })).status).toBe(413)
  })
})

it('refuses with 503 what is over its limit of requests at once', async () => {
  await using narrow = await startScytale({ SCYTALE_REQUESTS_MAX: '1' })
  const device = newDevice()
  const { promise: taken, resolve: onTaken } = Promise.withResolvers<Msg>()
  await hold(device, (message) => {
    replyReceipt(message, 'talaria-1')
    onTaken(message)
  })
  const first = send(requestTo(device), { to: narrow })
  const message = await taken
  const second = await send(requestTo(device), { to: narrow })
  expect(second.status).toBe(503)
  expect(second.headers.get('retry-after')).toBe('1')
  answering(message)
  expect((await first).status).toBe(200)
  expect((await send(requestTo(newDevice()), { to: narrow })).status).toBe(404)
})

it('counts what it refuses and what became of commands', async () => {
  const page = await (await fetch(`${scytale.operationsUrl}/metrics`)).text()
  expect(page).toContain('scytale_refusals_total{reason="body-too-large"} 2')
  expect(page).toContain('scytale_commands_total{kind="command",outcome="no-receipt"} 1')
  expect((await fetch(`${scytale.operationsUrl}/readyz`)).status).toBe(200)
})

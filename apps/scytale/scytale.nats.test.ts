import type { Msg } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { replyError, replyReceipt } from '#libs/nats/command/reply.ts'
import { wait } from '#libs/retry/wait.ts'
import { decode, encode } from '#libs/wrp/codec.ts'
import { fromJson } from '#libs/wrp/json.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import {
  answerRequest,
  BASIC,
  post,
  requestTo,
  startScytaleBench,
  type ScytaleBench,
} from '#tests/support/scytale.ts'

let bench: ScytaleBench
let scytale: App

beforeAll(async () => {
  bench = await startScytaleBench()
  scytale = bench.scytale
})

afterAll(() => bench[Symbol.asyncDispose]())

const send = (
  message: WrpMessage,
  { to = scytale, ...options }: { headers?: Record<string, string>; path?: string; to?: App } = {},
): Promise<Response> => post(to, message, options)

describe('a request to a device', () => {
  it("brings back the device's answer in each format and by each path", async () => {
    const device = bench.newDevice()
    await bench.hold(device, answerRequest)
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
      headers: { authorization: BASIC, 'content-type': 'application/msgpack' },
      body: Buffer.from(encode(requestTo(device))),
    })
    expect(response.headers.get('content-type')).toBe('application/msgpack')
    expect(decode(await response.bytes()).source).toBe(`${device}/config`)
  })

  it('is answered with the payload alone, and the rest as headers, to whoever asks for it', async () => {
    const device = bench.newDevice()
    await bench.hold(device, answerRequest)
    const response = await send(requestTo(device), {
      headers: { accept: 'application/octet-stream' },
    })
    expect(response.headers.get('x-xmidt-message-type')).toBe('SimpleRequestResponse')
    expect(response.headers.get('x-xmidt-source')).toBe(`${device}/config`)
    const whole = fromJson(await (await send(requestTo(device))).text())
    expect(await response.text()).toBe(new TextDecoder().decode(whole.payload))
  })

  it('reaches the device as it was sent in headers', async () => {
    const device = bench.newDevice()
    const seen: WrpMessage[] = []
    await bench.hold(device, (message) => {
      seen.push(decode(message.data))
      answerRequest(message)
    })
    const response = await fetch(`${scytale.url}/api/v3/device`, {
      method: 'POST',
      headers: {
        authorization: BASIC,
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
    const device = bench.newDevice()
    await bench.hold(device, async (message) => {
      replyReceipt(message, 'talaria-1')
      await wait(1_300)
      answerRequest(message)
    })
    expect((await send(requestTo(device))).status).toBe(200)
  })

  it('is answered with an empty body when it is an event', async () => {
    const device = bench.newDevice()
    await bench.hold(device, (message) => void message.respond())
    const response = await send(requestTo(device, { msg_type: 4 }))
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })
})

describe('no answer of a device', () => {
  it('is 404 at once when no Talaria holds the device', async () => {
    const started = performance.now()
    const response = await send(requestTo(bench.newDevice()))
    expect(response.status).toBe(404)
    expect(await response.text()).toBe('{"code": 404, "message": "no Talaria holds the device"}')
    expect(response.headers.get('x-xmidt-message-error')).toBe('no Talaria holds the device')
    expect(performance.now() - started).toBeLessThan(500)
  })

  it('is 503 after a second when somebody listens and says nothing, as it may have been reached', async () => {
    const device = bench.newDevice()
    await bench.hold(device, () => {})
    const started = performance.now()
    const response = await send(requestTo(device))
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({
      message: 'no Talaria answered: the request may have reached the device',
    })
    expect(performance.now() - started).toBeGreaterThan(900)
  })

  it('is 504 when the Talaria has the request and the device says nothing in time', async () => {
    await using hasty = await bench.startScytale({ SCYTALE_DEVICE_TIMEOUT_MS: '300' })
    const device = bench.newDevice()
    await bench.hold(device, (message) => replyReceipt(message, 'talaria-1'))
    expect((await send(requestTo(device), { to: hasty })).status).toBe(504)
  })

  it("is the Talaria's refusal with its status and text", async () => {
    const device = bench.newDevice()
    await bench.hold(device, (message) => replyError(message, 503, "the device's queue is full"))
    const response = await send(requestTo(device))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('2')
    expect(await response.json()).toEqual({ code: 503, message: "the device's queue is full" })
  })

  it("is 502 when the device's answer is no WRP and JSON is wanted", async () => {
    const device = bench.newDevice()
    await bench.hold(device, (message) => void message.respond('hello'))
    expect((await send(requestTo(device))).status).toBe(502)
  })
})

describe('the statistics of a device', () => {
  it('are what its Talaria says', async () => {
    const device = bench.newDevice()
    await bench.hold(device, (message, kind) => void message.respond(JSON.stringify({ kind })))
    const url = `${scytale.url}/api/v3/device/${device.toUpperCase()}/stat`
    const response = await fetch(url, { headers: { authorization: BASIC } })
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ kind: 'stat' })
  })

  it('are 404 at once when nobody holds it and 400 when it cannot be one', async () => {
    const headers = { authorization: BASIC }
    const unknown = await fetch(`${scytale.url}/api/v3/device/${bench.newDevice()}/stat`, {
      headers,
    })
    expect(unknown.status).toBe(404)
    const malformed = await fetch(`${scytale.url}/api/v2/device/mac:12/stat`, { headers })
    expect(malformed.status).toBe(400)
    expect(await malformed.text()).toBe(
      '{"code": 400, "message": "failed to extract device ID: invalid device name"}',
    )
  })
})

it('refuses with 503 what is over its limit of requests at once', async () => {
  await using narrow = await bench.startScytale({ SCYTALE_REQUESTS_MAX: '1' })
  const device = bench.newDevice()
  const { promise: taken, resolve: onTaken } = Promise.withResolvers<Msg>()
  await bench.hold(device, (message) => {
    replyReceipt(message, 'talaria-1')
    onTaken(message)
  })
  const first = send(requestTo(device), { to: narrow })
  const message = await taken
  const second = await send(requestTo(device), { to: narrow })
  expect(second.status).toBe(503)
  expect(second.headers.get('retry-after')).toBe('1')
  answerRequest(message)
  expect((await first).status).toBe(200)
  expect((await send(requestTo(bench.newDevice()), { to: narrow })).status).toBe(404)
})

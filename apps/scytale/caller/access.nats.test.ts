import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { decode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import {
  answerRequest,
  BASIC,
  JSON_HEADERS,
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

describe('a credential', () => {
  const all = ['x1:webpa:api:.*:all']
  const stat = async (authorization: string | undefined, version = 'v3'): Promise<Response> =>
    fetch(`${scytale.url}/api/${version}/device/${bench.newDevice()}/stat`, {
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

  it('that is a token is good only from the right issuer, for the right audience, with an end', async () => {
    const bearer = async (claims: Record<string, unknown>): Promise<number> =>
      (await stat(`Bearer ${await bench.sign(claims)}`)).status
    const good = { 'partner-id': 'comcast', capabilities: all }
    expect(await bearer(good)).toBe(404)
    for (const claims of [{ iss: 'x' }, { iss: undefined }, { aud: 'x' }, { aud: undefined }]) {
      expect([claims, await bearer({ ...good, ...claims })]).toEqual([claims, 401])
    }
    expect(await bearer({ ...good, sub: 7 })).toBe(401)
    const endless = `Bearer ${await bench.signWithoutEnd(good)}`
    expect((await stat(endless)).status).toBe(401)
  })

  it('that is a token needs a partner and a capability for the path', async () => {
    const bearer = async (claims: Record<string, unknown>): Promise<number> =>
      (await stat(`Bearer ${await bench.sign(claims)}`)).status
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
    const device = bench.newDevice()
    const seen: (string[] | undefined)[] = []
    await bench.hold(device, (message) => {
      seen.push(decode(message.data).partner_ids)
      answerRequest(message)
    })
    const claims = { capabilities: all, allowedResources: { allowedPartners: ['a', 'b'] } }
    const headers = { authorization: `Bearer ${await bench.sign(claims)}` }
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
      headers: JSON_HEADERS,
    })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST, PUT')
  })

  it('over the limit is 413, declared or not', async () => {
    const body = new Uint8Array(1_100_000)
    const headers = { authorization: BASIC, 'content-type': 'application/msgpack' }
    const url = `${scytale.url}/api/v3/device`
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(413)
    const stream = new Blob([body]).stream()
    const streamed = { method: 'POST', headers, body: stream, duplex: 'half' } as RequestInit
    expect((await fetch(url, streamed)).status).toBe(413)
  })

  it('that JSON makes longer than NATS takes is 413 and not a failure of the fabric', async () => {
    await using roomy = await bench.startScytale({ SCYTALE_BODY_BYTES_MAX: '4000000' })
    const message = requestTo(bench.newDevice(), { payload: new Uint8Array(2_500_000) })
    expect((await send(message, { to: roomy })).status).toBe(413)
  })
})

it('counts what it refuses and what became of commands', async () => {
  const page = await (await fetch(`${scytale.operationsUrl}/metrics`)).text()
  expect(page).toContain('xmidt_scytale_requests_refused_total{reason="body-too-large"} 2')
  expect((await fetch(`${scytale.operationsUrl}/readyz`)).status).toBe(200)
})

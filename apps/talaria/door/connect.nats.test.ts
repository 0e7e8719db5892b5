import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { DeviceRefusedError, connectDevice } from '#tests/support/device.ts'
import { eventually } from '#tests/support/eventually.ts'
import { keepLogLines } from '#tests/support/log-lines.ts'
import { counted, startTalariaBench, type TalariaBench } from '#tests/support/talaria.ts'

let bench: TalariaBench
let talaria: App

beforeAll(async () => {
  bench = await startTalariaBench()
  talaria = await bench.startTalaria()
})

afterAll(async () => {
  await talaria[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const refusalOf = async (
  headers: Record<string, string>,
  { path = '/api/v2/device', to = talaria }: { path?: string; to?: App } = {},
): Promise<{ status: number; body: string; contentType: string | undefined }> => {
  try {
    await using _device = await connectDevice({
      url: to.url,
      deviceId: 'mac:112233445566',
      path,
      headers,
    })
  } catch (error) {
    if (error instanceof DeviceRefusedError) return error
    throw error
  }
  throw new Error('the device was let in')
}

const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` })

describe('a device that may not connect', () => {
  it('gets 401 without a token, in v2 too: after 403 it would try again at once', async () => {
    const message = { body: 'missing credentials', contentType: 'text/plain; charset=utf-8' }
    for (const path of ['/api/v2/device', '/api/v3/device']) {
      expect(await refusalOf({}, { path })).toMatchObject({ status: 401, ...message })
    }
  })

  it('gets 403 in v2 and 401 in v3 for a token that no known key signed, so that it gets another', async () => {
    const claims = { 'device-id': 'mac:112233445566' }
    for (const token of [await bench.signByAnotherKey(claims), await bench.forge(claims)]) {
      const refusal = { body: 'invalid credentials' }
      expect(await refusalOf(bearer(token))).toMatchObject({ status: 403, ...refusal })
      const v3 = await refusalOf(bearer(token), { path: '/api/v3/device' })
      expect(v3).toMatchObject({ status: 401, ...refusal })
    }
  })

  it('gets 400 for a token that is none, has no subject or lacks its value', async () => {
    const noSubject = await bench.sign({ sub: '', 'device-id': 'mac:112233445566' })
    for (const headers of [bearer('garbage'), bearer(noSubject), { Authorization: 'Bearer' }]) {
      expect(await refusalOf(headers)).toMatchObject({ status: 400, body: 'invalid credentials' })
    }
  })

  it('gets 403 in v2 and 401 in v3 for a token that has expired', async () => {
    const token = await bench.sign({ 'device-id': 'mac:112233445566' }, '-2m')
    expect(await refusalOf(bearer(token))).toMatchObject({ status: 403, body: 'bad credentials' })
    const v3 = await refusalOf(bearer(token), { path: '/api/v3/device' })
    expect(v3).toMatchObject({ status: 401, body: 'bad credentials' })
  })

  it.each([
    ['of another issuer', { iss: 'somebody' }],
    ['for another audience', { aud: 'something else' }],
    ['without an issuer and an audience', { iss: undefined, aud: undefined }],
  ])('gets 403 in v2 and 401 in v3 for a token %s', async (_, claims) => {
    const token = await bench.sign({ 'device-id': 'mac:112233445566', ...claims })
    expect(await refusalOf(bearer(token))).toMatchObject({ status: 403, body: 'bad credentials' })
    const v3 = await refusalOf(bearer(token), { path: '/api/v3/device' })
    expect(v3).toMatchObject({ status: 401, body: 'bad credentials' })
  })

  it('gets 403 for a token that never ends, or was issued too long ago', async () => {
    const claims = { 'device-id': 'mac:112233445566' }
    expect(await refusalOf(bearer(await bench.signWithoutEnd(claims)))).toMatchObject({
      status: 403,
    })
    await using strict = await bench.startTalaria({ TALARIA_TOKEN_AGE_MAX_MS: '1000' })
    // Older than a second by more than clocks may differ.
    const old = await bench.sign(claims, '1h', Math.floor(Date.now() / 1_000) - 60)
    expect(await refusalOf(bearer(old), { to: strict })).toMatchObject({ status: 403 })
  })

  it('gets 400 for a token whose subject is a number', async () => {
    const token = await bench.sign({ 'device-id': 'mac:112233445566', sub: 7 })
    expect(await refusalOf(bearer(token))).toMatchObject({ status: 400 })
  })

  it('gets 403 for a scheme other than Bearer', async () => {
    const refusal = await refusalOf({ Authorization: 'Basic dXNlcjpwYXNz' })
    expect(refusal).toMatchObject({ status: 403, body: 'Unsupported authorization scheme: Basic' })
  })

  it("gets 403 for another device's token and for one that names no device", async () => {
    const other = await bench.sign({ 'device-id': 'mac:aabbccddeeff' })
    const none = await bench.sign({ capabilities: ['x1:webpa:api:.*:all'] })
    for (const token of [other, none]) {
      expect(await refusalOf(bearer(token))).toMatchObject({ status: 403 })
    }
  })

  it('gets 400 for a name that is none', async () => {
    expect(await refusalOf({ 'X-Webpa-Device-Name': 'mac:zz' })).toMatchObject({
      status: 400,
      contentType: 'application/json',
      body: '{"code": 400, "message": "failed to extract device ID: invalid device name"}',
    })
  })

  it('gets 404 on any other path', async () => {
    expect(await refusalOf({}, { path: '/api/v2/devices' })).toMatchObject({ status: 404 })
  })

  it('gets 503 while the keys cannot be had, with an expired token too', async () => {
    await using keyless = await bench.startTalaria({ TALARIA_JWKS_URL: 'http://127.0.0.1:9/keys' })
    for (const expires of ['1h', '-2m']) {
      const token = await bench.sign({ 'device-id': 'mac:112233445566' }, expires)
      expect(await refusalOf(bearer(token), { to: keyless })).toMatchObject({ status: 503 })
    }
  })

  it('gets 503 when the Talaria is full, unless it comes again', async () => {
    await using small = await bench.startTalaria({ TALARIA_DEVICES_MAX: '1' })
    const id = bench.newDevice()
    await using _first = await bench.connect(small, id)
    await expect(bench.connect(small, bench.newDevice())).rejects.toMatchObject({ status: 503 })
    await using _again = await bench.connect(small, id)
  })
})

describe('a request that asks for no websocket', () => {
  it('gets 400, 405 for other methods, and 404 elsewhere', async () => {
    const headers = { 'X-Webpa-Device-Name': 'mac:112233445566' }
    const get = await fetch(`${talaria.url}/api/v2/device`, { headers })
    expect(get.status).toBe(400)
    expect(get.headers.get('sec-websocket-version')).toBe('13')
    const post = await fetch(`${talaria.url}/api/v3/device`, { method: 'POST', headers })
    expect(post.status).toBe(405)
    expect(await (await fetch(`${talaria.url}/api/v2/device`)).text()).toBe(
      '{"code": 400, "message": "failed to extract device ID: missing device name header"}',
    )
    expect((await fetch(`${talaria.url}/`)).status).toBe(404)
  })
})

describe('a connection', () => {
  it('is told online and offline in the form of upstream', async () => {
    const id = bench.newDevice()
    const convey = { 'hw-model': 'TG1682', 'boot-time': 1494590301, 'webpa-protocol': 'P-2.0' }
    const device = await bench.connect(talaria, id, {
      headers: { 'X-Webpa-Convey': Buffer.from(JSON.stringify(convey)).toString('base64') },
    })
    const dest = (status: string): string => `event:device-status/${id}/${status}`
    const online = await bench.event(({ message }) => message.dest === dest('online'))
    expect(online.payload).toEqual({ id, ts: expect.any(String) })
    expect(online.message).toMatchObject({
      msg_type: 4,
      source: 'dns:127.0.0.1',
      content_type: 'application/json',
      partner_ids: ['comcast'],
      metadata: {
        '/hw-model': 'TG1682',
        '/boot-time': '1494590301',
        '/protocol': 'P-2.0',
        '/trust': '1000',
        '/hw-deviceid': id,
        '/compliance': 'convey-missing-fields',
      },
    })
    expect(online.message.session_id).toMatch(/^[0-9A-Za-z]{27}$/)
    await device.close()
    const offline = await bench.event(({ message }) => message.dest === dest('offline'))
    expect(offline.message.session_id).toBe(online.message.session_id)
    expect(offline.payload).toMatchObject({
      id,
      'bytes-sent': 0,
      'reason-for-closure': '*no error*:readerror',
    })
  })

  it("is pinged with the device's id, and ended when nothing comes back", async () => {
    await using strict = await bench.startTalaria({
      TALARIA_PING_MS: '50',
      TALARIA_IDLE_MS: '300',
    })
    await using alive = await bench.connect(strict, bench.newDevice())
    const id = bench.newDevice()
    await using silent = await bench.connect(strict, id)
    // A socket that is not read answers no ping.
    await eventually(() => expect(silent.pings).toContain(id))
    silent.socket.pause()
    await bench.event(({ message, payload }) => {
      return (
        message.dest === `event:device-status/${id}/offline` &&
        payload?.['reason-for-closure'] === '*no error*:idle'
      )
    })
    expect(alive.socket.readyState).toBe(alive.socket.OPEN)
    silent.socket.resume()
  })

  it('needs no token where the door is open, but one that is shown must be good', async () => {
    await using open = await bench.startTalaria({ TALARIA_OPEN: 'true' })
    await using _device = await bench.connect(open, bench.newDevice(), { token: undefined })
    const refusal = await refusalOf(bearer('garbage'), { to: open })
    expect(refusal).toMatchObject({ status: 400 })
  })

  it('may have a token without all that where settings say so, which is said at the start', async () => {
    const { lines, loggerOf } = keepLogLines()
    const environment = {
      TALARIA_TOKEN_ISSUER: '*',
      TALARIA_TOKEN_AUDIENCE: '*',
      TALARIA_TOKEN_AGE_MAX_MS: '0',
    }
    await using lax = await bench.startTalaria(environment, loggerOf('talaria'))
    const id = bench.newDevice()
    const token = await bench.signWithoutEnd({ 'device-id': id, iss: undefined, aud: 'other' })
    await using _device = await bench.connect(lax, id, { token })
    for (const name of Object.keys(environment)) {
      expect(lines).toContainEqual(
        expect.objectContaining({ level: 'warn', msg: expect.stringContaining(name) as string }),
      )
    }
  })

  it('counts what was refused, by reason', async () => {
    const label = 'reason="token-missing"'
    const before = await counted(talaria, 'xmidt_talaria_connects_refused_total', label)
    await refusalOf({})
    expect(await counted(talaria, 'xmidt_talaria_connects_refused_total', label)).toBe(before + 1)
  })
})

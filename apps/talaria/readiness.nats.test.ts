import { jetstream } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serve } from '#libs/http/server.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { connectDevice, DeviceRefusedError } from '#tests/support/device.ts'
import { eventually } from '#tests/support/eventually.ts'
import { freePort } from '#tests/support/free-ports.ts'
import { keepLogLines } from '#tests/support/log-lines.ts'
import { counted, startTalariaBench, type TalariaBench } from '#tests/support/talaria.ts'
import { TOKEN_CLAIMS } from '#tests/support/token-claims.ts'

/** Longer than the longest wait between two looks. */
const withinMs = 15_000

let bench: TalariaBench
beforeAll(async () => {
  bench = await startTalariaBench()
})
afterAll(() => bench?.[Symbol.asyncDispose]())

async function readinessOf(app: App): Promise<{ status: number; checks: Record<string, string> }> {
  const response = await fetch(`${app.operationsUrl}/readyz`)
  const { checks } = (await response.json()) as { checks: Record<string, string> }
  return { status: response.status, checks }
}

async function startKeys(port: number) {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }
  const server = await serve({
    fetch: () => Response.json({ keys: [jwk] }),
    hostname: '127.0.0.1',
    port,
  })
  const sign = (deviceId: string) =>
    new SignJWT({ ...TOKEN_CLAIMS, sub: 'device', 'device-id': deviceId })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey)
  return { sign, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

describe('a Talaria that has never had keys', () => {
  it('is not ready and says so once, and takes devices as soon as the keys come', async () => {
    const port = await freePort()
    const environment = { TALARIA_JWKS_URL: `http://127.0.0.1:${port}/` }
    const { lines, loggerOf } = keepLogLines()
    await using talaria = await bench.startTalaria(environment, loggerOf('talaria'))
    const told = (what: string) => lines.filter(({ msg }) => msg.includes(what)).length
    const { status, checks } = await readinessOf(talaria)
    expect(status).toBe(503)
    expect(checks).toMatchObject({ nats: 'ok', stream: 'ok' })
    expect(checks.keys).toContain('the keys cannot be had')
    expect(await counted(talaria, 'xmidt_talaria_keys_available')).toBe(0)

    const deviceId = bench.newDevice()
    {
      await using keys = await startKeys(port)
      await eventually(async () => expect((await readinessOf(talaria)).status).toBe(200), {
        withinMs,
      })
      const token = await keys.sign(deviceId)
      await using _device = await connectDevice({ url: talaria.url, deviceId, token })
    }
    // Keys that were had count on while nobody publishes them.
    expect((await readinessOf(talaria)).checks.keys).toBe('ok')
    expect(await counted(talaria, 'xmidt_talaria_keys_available')).toBe(1)
    expect(told('keys cannot be had')).toBe(1)
    expect(told('there are keys again')).toBe(1)
  })

  it('that is open is ready: its devices need none', async () => {
    const environment = { TALARIA_JWKS_URL: 'http://127.0.0.1:1/', TALARIA_OPEN: 'true' }
    await using talaria = await bench.startTalaria(environment)
    expect((await readinessOf(talaria)).status).toBe(200)
    const refused = connectDevice({ url: talaria.url, deviceId: bench.newDevice(), token: 'a.b.c' })
    await expect(refused).rejects.toBeInstanceOf(DeviceRefusedError)
    await using _device = await connectDevice({ url: talaria.url, deviceId: bench.newDevice() })
  })
})

describe('a Talaria whose bucket is gone', () => {
  it('is not ready, says which and what to do, and is in the list again when it is back', async () => {
    const { lines, loggerOf } = keepLogLines()
    const environment = { TALARIA_ID: 'one-back' }
    await using talaria = await bench.startTalaria(environment, loggerOf('talaria'))
    expect((await readinessOf(talaria)).status).toBe(200)
    await bench.testNats.lose('KV_TALARIAS')
    await eventually(
      async () => {
        const { status, checks } = await readinessOf(talaria)
        expect(status).toBe(503)
        expect(checks.stream).toContain('KV_TALARIAS')
        expect(checks.stream).toContain('nats:apply')
      },
      { withinMs },
    )
    expect(await counted(talaria, 'xmidt_talaria_stream_missing', 'KV_TALARIAS')).toBe(1)
    await bench.testNats.apply()
    await eventually(async () => expect((await readinessOf(talaria)).status).toBe(200), {
      withinMs,
    })
    expect(await counted(talaria, 'xmidt_talaria_stream_missing')).toBe(0)
    const told = lines.filter(({ msg }) => msg.startsWith('stream is '))
    expect(told.map(({ msg, stream }) => [msg, stream])).toEqual([
      ['stream is missing: "npm run nats:apply" makes it', 'KV_TALARIAS'],
      ['stream is there again', 'KV_TALARIAS'],
    ])
    const list = await new Kvm(jetstream(bench.operator.connection)).open('TALARIAS', {
      allow_direct: true,
    })
    await eventually(async () => expect((await list.get('one-back'))?.operation).toBe('PUT'), {
      withinMs,
    })
  })
})

describe('a Talaria whose stream of low qos is gone', () => {
  it('is ready, says it once, keeps what is acknowledged and counts what is not kept', async () => {
    const { lines, loggerOf } = keepLogLines()
    await using talaria = await bench.startTalaria({}, loggerOf('talaria'))
    await bench.testNats.lose('EVENTS_LOW')
    const missing = (app: App) => counted(app, 'xmidt_talaria_stream_missing', 'EVENTS_LOW')
    await eventually(async () => expect(await missing(talaria)).toBe(1), { withinMs })
    await using started = await bench.startTalaria()
    expect(await missing(started)).toBe(1)
    for (const each of [talaria, started]) expect((await readinessOf(each)).status).toBe(200)

    const id = bench.newDevice()
    await using device = await bench.connect(talaria, id)
    const send = (qos: number): void =>
      device.send({
        msg_type: 4,
        source: `${id}/config`,
        dest: 'event:test/x',
        transaction_uuid: 't',
        qos,
      })
    const lost = () =>
      counted(talaria, 'xmidt_talaria_frames_dropped_total', 'reason="not-stored-low"')
    send(0)
    await eventually(
      async () => {
        send(0)
        expect(await lost()).toBeGreaterThan(0)
      },
      { withinMs: 20_000 },
    )
    // More than one device may have under way: they are tried once, and so do not hold up the next.
    const before = await lost()
    for (let count = 0; count < 500; count += 1) send(0)
    send(75)
    expect((await device.next()).rdr).toBe(0)
    await eventually(async () => expect(await lost()).toBeGreaterThanOrEqual(before + 500))
    expect((await readinessOf(talaria)).status).toBe(200)

    await bench.testNats.apply()
    await eventually(async () => expect(await missing(talaria)).toBe(0), { withinMs })
    const told = lines.filter(({ stream }) => stream === 'EVENTS_LOW').map(({ msg }) => msg)
    expect(told.filter((msg) => msg.startsWith('stream is '))).toEqual([
      'stream is missing: "npm run nats:apply" makes it',
      'stream is there again',
    ])
  }, 60_000)
})

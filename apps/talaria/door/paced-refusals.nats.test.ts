import { get } from 'node:http'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { connectDevice, DeviceRefusedError } from '#tests/support/device.ts'
import { eventually } from '#tests/support/eventually.ts'
import { counted, startTalariaBench, type TalariaBench } from '#tests/support/talaria.ts'

// Long enough for twenty connects at once on a loaded machine.
const HOLD_MS = 1_000
let bench: TalariaBench
let talaria: App
const lines: Record<string, unknown>[] = []

beforeAll(async () => {
  bench = await startTalariaBench()
  const log = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line)) })
  talaria = await bench.startTalaria({ TALARIA_REFUSAL_HOLD_MS: String(HOLD_MS) }, log)
})

afterAll(async () => {
  await talaria[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

/** What a try came to, and how long its answer took. */
async function tryOnce(deviceId: string, token: string | undefined) {
  const startedAt = performance.now()
  try {
    await using _device = await connectDevice({ url: talaria.url, deviceId, token })
    return { status: 101, tookMs: performance.now() - startedAt }
  } catch (error) {
    if (!(error instanceof DeviceRefusedError)) throw error
    return { status: error.status, tookMs: performance.now() - startedAt }
  }
}

/** How an upgrade from one of this machine's addresses is refused. */
function statusFrom(localAddress: string, deviceId: string, token: string): Promise<number> {
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'X-Webpa-Device-Name': deviceId,
    Authorization: `Bearer ${token}`,
  }
  return new Promise((resolve, reject) => {
    get(`${talaria.url}/api/v2/device`, { localAddress, headers, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    }).on('error', reject)
  })
}

describe('a device that tries again at once', () => {
  it('with a token whose key is not known waits for each answer, the first too', async () => {
    const id = bench.newDevice()
    const token = await bench.signByAnotherKey({ 'device-id': id })
    for (const _ of [1, 2, 3]) {
      const { status, tookMs } = await tryOnce(id, token)
      expect(status).toBe(403)
      expect(tookMs).toBeGreaterThan(HOLD_MS * 0.9)
    }
  })

  it('with a token for somebody else waits too, as all may have one after a change', async () => {
    const id = bench.newDevice()
    const { status, tookMs } = await tryOnce(id, await bench.sign({ 'device-id': id, aud: 'x' }))
    expect(status).toBe(403)
    expect(tookMs).toBeGreaterThan(HOLD_MS * 0.9)
  })

  it('is answered at once the first time its token has expired, so that it is back soon', async () => {
    const id = bench.newDevice()
    const expired = await bench.sign({ 'device-id': id }, '-2m')
    const held = await counted(talaria, 'xmidt_talaria_refusals_held_total')
    expect((await tryOnce(id, expired)).status).toBe(403)
    expect(await counted(talaria, 'xmidt_talaria_refusals_held_total')).toBe(held)
    expect((await tryOnce(id, expired)).tookMs).toBeGreaterThan(HOLD_MS * 0.9)
    expect(await counted(talaria, 'xmidt_talaria_refusals_held_total')).toBe(held + 1)
  })

  it('on many connections holds one of them; the others are told to back off', async () => {
    const id = bench.newDevice()
    const token = await bench.signByAnotherKey({ 'device-id': id })
    const tries = await Promise.all(Array.from({ length: 20 }, () => tryOnce(id, token)))
    const statuses = tries.map(({ status }) => status).toSorted((a, b) => a - b)
    expect(statuses).toEqual([403, ...Array.from({ length: 19 }, () => 503)])
  })

  it('keeps nobody out that shows a good token for the same id', async () => {
    const id = bench.newDevice()
    const bad = await bench.signByAnotherKey({ 'device-id': id })
    const trying = Array.from({ length: 5 }, () => tryOnce(id, bad))
    const good = await bench.sign({ 'device-id': id })
    expect((await tryOnce(id, good)).status).toBe(101)
    await Promise.all(trying)
  })

  it('from elsewhere under the id of another does not keep that one from its answer', async () => {
    const id = bench.newDevice()
    const bad = await bench.signByAnotherKey({ 'device-id': id })
    const attacking = Array.from({ length: 5 }, () => statusFrom('127.0.0.2', id, bad))
    await eventually(() => {
      const held = lines.filter(({ name, address }) => name === id && address === '127.0.0.2')
      expect(held).toHaveLength(1)
    })
    // 403 and not 503: it fetches another token on 403 only.
    const expired = await bench.sign({ 'device-id': id }, '-2m')
    const startedAt = performance.now()
    expect(await statusFrom('127.0.0.1', id, expired)).toBe(403)
    expect(performance.now() - startedAt).toBeLessThan(HOLD_MS * 0.9)
    expect((await Promise.all(attacking)).toSorted((a, b) => a - b)).toEqual([
      403, 503, 503, 503, 503,
    ])
  })

  it('is in the log once, with its address and the reason', async () => {
    const id = bench.newDevice()
    for (const _ of [1, 2]) await tryOnce(id, undefined)
    const ofDevice = await eventually(() => {
      const found = lines.filter(({ name }) => name === id)
      expect(found).not.toHaveLength(0)
      return found
    })
    expect(ofDevice).toHaveLength(1)
    expect(ofDevice[0]).toMatchObject({
      address: '127.0.0.1',
      reason: 'token-missing',
      status: 401,
      msg: 'device refused',
    })
  })
})

import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { encode } from '#libs/wrp/codec.ts'
import {
  DEVICE,
  jsonOf,
  listenHttp,
  metricOf,
  request,
  startFabric,
  startParodus,
} from '#tests/support/fabric-peers.ts'

describe('the connection', () => {
  it('is made with a token, through the redirector, and says who the device is', async () => {
    const fabric = await startFabric()
    await startParodus(fabric)
    await fabric.connection(1)
    const { url, headers } = fabric.upgrades[0]!
    expect(url).toBe('/api/v2/device')
    expect(headers['x-webpa-device-name']).toBe(DEVICE)
    expect(headers.authorization).toMatch(/^Bearer ey/)
    expect(headers['user-agent']).toContain('M1')
    const convey = Buffer.from(String(headers['x-webpa-convey']), 'base64').toString()
    expect(JSON.parse(convey)).toMatchObject({
      'hw-model': 'M1',
      'webpa-last-reconnect-reason': 'webpa_process_starts',
    })
    const asked = fabric.tokenRequests[0]!.headers
    expect(asked['x-midt-mac-address']).toBe('112233445566')
    expect(asked.authorization).toBe(`Basic ${Buffer.from('device:p@ss').toString('base64')}`)
    expect(asked).not.toHaveProperty('x-midt-partner-id')
  })

  it('waits for a token that is refused at first', async () => {
    const fabric = await startFabric()
    fabric.tokenRefusals = [500, 403, 503]
    await startParodus(fabric)
    await fabric.connection(1)
    expect(fabric.tokenRequests).toHaveLength(4)
    expect(fabric.redirects).toBe(1)
  })

  it('takes no body without an end for a token', async () => {
    const fabric = await startFabric()
    const endless = await listenHttp((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
      }
      response.on('drain', more)
      more()
    })
    const parodus = await startParodus(fabric, { PARODUS_THEMIS_URL: endless.url })
    await expect
      .poll(() => metricOf(parodus, 'xmidt_parodus_connects_total{outcome="credential"}'))
      .toBeGreaterThan(1)
    expect(fabric.redirects).toBe(0)
  })

  it.each([401, 403])('gets a new token when the fabric answers %i', async (status) => {
    const fabric = await startFabric()
    fabric.upgradeRefusals = [status]
    await startParodus(fabric)
    await fabric.connection(1)
    const [first, second] = fabric.upgrades.map(({ headers }) => headers.authorization)
    expect(second).not.toBe(first)
    expect(fabric.tokenRequests).toHaveLength(2)
  })

  it('keeps its token through a reconnect, and asks the redirector again', async () => {
    const fabric = await startFabric()
    await startParodus(fabric)
    ;(await fabric.connection(1)).terminate()
    await fabric.connection(2)
    expect(fabric.tokenRequests).toHaveLength(1)
    expect(fabric.redirects).toBe(2)
    const convey = Buffer.from(String(fabric.upgrades[1]!.headers['x-webpa-convey']), 'base64')
    expect(convey.toString()).toContain('SSL_Socket_Close')
  })

  it('gets a new token shortly before the old one runs out', async () => {
    const fabric = await startFabric()
    fabric.tokenSeconds = 30
    await startParodus(fabric)
    ;(await fabric.connection(1)).close(1001)
    await fabric.connection(2)
    expect(fabric.tokenRequests).toHaveLength(2)
  })

  it('goes round no circle of redirects for ever at once', async () => {
    const fabric = await startFabric()
    fabric.isCircle = true
    const parodus = await startParodus(fabric, {
      PARODUS_BACKOFF_FIRST_MS: '60000',
      PARODUS_BACKOFF_MAX_MS: '60000',
    })
    await expect
      .poll(() => metricOf(parodus, 'xmidt_parodus_connects_total{outcome="refused"}'))
      .toBe(1)
    expect(fabric.redirects).toBe(6)
  })

  it('is made anew when the fabric falls silent, and stays while it pings', async () => {
    const fabric = await startFabric()
    const parodus = await startParodus(fabric, { PARODUS_PING_TIMEOUT_MS: '300' })
    const socket = await fabric.connection(1)
    for (let pong = 0; pong < 60; pong += 1) {
      socket.ping(DEVICE)
      await once(socket, 'pong')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(fabric.sockets).toHaveLength(1)
    await fabric.connection(2)
    expect(await metricOf(parodus, 'xmidt_parodus_disconnects_total{reason="ping-missed"}')).toBe(1)
  })

  it('is closed in order at the end', async () => {
    const fabric = await startFabric()
    const parodus = await startParodus(fabric)
    const closed = once(await fabric.connection(1), 'close')
    await parodus[Symbol.asyncDispose]()
    const [code, reason] = (await closed) as [number, Buffer]
    expect([code, reason.toString()]).toEqual([1000, 'parodus_stopping'])
  })

  it('misses no message that comes together with the answer to the upgrade', async () => {
    const fabric = await startFabric()
    fabric.firstFrame = encode(request('nobody'))
    await startParodus(fabric)
    expect(jsonOf(await fabric.message(0))).toMatchObject({ statusCode: 531 })
  })
})

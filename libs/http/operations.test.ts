import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { createRegistry } from '#libs/metrics/registry.ts'
import { serveOperations } from './operations.ts'

describe('the operations port', () => {
  const start = (checks: Record<string, () => boolean | string>, routes?: Hono) => {
    const registry = createRegistry('x')
    registry.counter('things_total', 'Things.').inc(3)
    const at = { hostname: '127.0.0.1', port: 0 }
    return serveOperations({ ...at, registry, checks, ...(routes && { routes }) })
  }

  it('is alive whatever fails, and ready when nothing does', async () => {
    let isThere: boolean | string = 'NATS is away'
    await using server = await start({ nats: () => isThere, other: () => true })
    expect((await fetch(`${server.url}/livez`)).status).toBe(200)
    const before = await fetch(`${server.url}/readyz`)
    expect(before.status).toBe(503)
    expect(await before.json()).toEqual({
      status: 'not ready',
      checks: { nats: 'NATS is away', other: 'ok' },
    })
    isThere = true
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
  })

  it('shows details at /health, with 200 as upstream has it', async () => {
    await using server = await start({ nats: () => false })
    const response = await fetch(`${server.url}/health`)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      status: 'not ready',
      checks: { nats: 'failed' },
      uptimeSeconds: expect.any(Number),
      memoryBytes: expect.any(Number),
    })
  })

  it("shows the app's metrics and the process'", async () => {
    await using server = await start({})
    const response = await fetch(`${server.url}/metrics`)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/)
    const page = await response.text()
    expect(page).toContain('xmidt_x_things_total 3')
    expect(page).toContain('process_cpu_seconds_total')
  })

  it('answers no page of another site, whatever it asks', async () => {
    await using server = await start({})
    for (const origin of ['https://evil.example', 'null', `${server.url}0`, 'http://localhost']) {
      for (const path of ['/metrics', '/health', '/livez']) {
        expect((await fetch(server.url + path, { headers: { origin } })).status).toBe(403)
      }
    }
    expect((await fetch(`${server.url}/livez`, { headers: { origin: server.url } })).status).toBe(
      200,
    )
  })

  it('takes further routes', async () => {
    await using server = await start(
      {},
      new Hono().get('/gate', (c) => c.text('open')),
    )
    expect(await (await fetch(`${server.url}/gate`)).text()).toBe('open')
    expect((await fetch(`${server.url}/other`)).status).toBe(404)
  })
})

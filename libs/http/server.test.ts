import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { eventually } from '#tests/support/eventually.ts'
import { bodyLimit } from './body.ts'
import { errorResponse, notFound, onError } from './error.ts'
import { serve } from './server.ts'

const HOST = { hostname: '127.0.0.1', port: 0 }
const log = createLogger('test', { level: 'silent' })

describe('a server', () => {
  it.each(['999999999999', '9'.repeat(200), '1.2.3.4.5', 'a b', '[::1', 'host:99999'])(
    'refuses the Host %j with 400, whatever is asked of it',
    async (host) => {
      const app = new Hono().all('*', (c) => c.text(new URL(c.req.url).host))
      await using byFetch = await serve({ ...HOST, fetch: app.fetch })
      await using byListener = await serve({
        ...HOST,
        listener: (request, response) =>
          response.end(new URL(`http://${request.headers.host}`).host),
      })
      for (const server of [byFetch, byListener]) {
        for (const method of ['GET', 'POST']) {
          const socket = connect(server.port, '127.0.0.1')
          socket.write(`${method} /a HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
          expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /)
        }
      }
    },
  )

  it('tells the port that it took', async () => {
    await using server = await serve({ ...HOST, fetch: () => new Response('hello') })
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`)
    expect(await (await fetch(server.url)).text()).toBe('hello')
  })

  it('does not start on a port that is taken, and says which and what to do', async () => {
    await using first = await serve({ ...HOST, fetch: () => new Response() })
    const second = serve({ ...HOST, port: first.port, fetch: () => new Response() })
    await expect(second).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(`port ${first.port} of 127.0.0.1 is taken: stop`),
    })
  })

  it('lets a request finish when it ends, and takes no other', async () => {
    const { promise: isAsked, resolve: asked } = Promise.withResolvers<void>()
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>()
    const server = await serve({
      ...HOST,
      async fetch() {
        asked()
        await mayAnswer
        return new Response('done')
      },
    })
    const response = fetch(server.url)
    await isAsked
    const startedAt = performance.now()
    const closed = server[Symbol.asyncDispose]()
    await expect(fetch(server.url)).rejects.toThrow()
    answer()
    expect(await (await response).text()).toBe('done')
    await closed
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })

  it('ends although connections are kept open without a request', async () => {
    const server = await serve({ ...HOST, fetch: () => new Response() })
    await (await fetch(server.url)).text()
    const startedAt = performance.now()
    await server[Symbol.asyncDispose]()
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })

  it('can be ended twice, and after it stopped listening', async () => {
    const server = await serve({ ...HOST, fetch: () => new Response() })
    server.stopListening()
    await expect(fetch(server.url)).rejects.toThrow()
    await server[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  it('ends a request whose rest never comes', async () => {
    await using server = await serve({
      ...HOST,
      requestTimeoutMs: 200,
      fetch: async (request) => new Response(await request.text()),
    })
    const socket = connect(server.port, '127.0.0.1')
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc')
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('refuses heads that are too large', async () => {
    await using server = await serve({ ...HOST, fetch: () => new Response() })
    const response = await fetch(server.url, { headers: { 'X-Large': 'x'.repeat(17_000) } })
    expect(response.status).toBe(431)
  })

  it('hands an upgrade to who takes it', async () => {
    await using server = await serve({ ...HOST, fetch: () => new Response() })
    server.takeUpgrades((_, socket) => socket.end('HTTP/1.1 418 Other\r\n\r\n'))
    expect(await text(upgrade(server.port))).toBe('HTTP/1.1 418 Other\r\n\r\n')
  })

  it('answers an upgrade as any request until somebody takes upgrades', async () => {
    await using server = await serve({
      ...HOST,
      fetch: () => new Response(null, { status: 503, headers: { Connection: 'close' } }),
    })
    expect(await text(upgrade(server.port))).toMatch(/^HTTP\/1\.1 503 /)
  })
})

function upgrade(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  return socket
}

describe('errors on routes', () => {
  const app = new Hono()
    .use(bodyLimit(10))
    .post('/echo', async (c) => c.text(await c.req.text()))
    .get('/fails', () => {
      throw new Error('the secret reason')
    })
  app.notFound(notFound)
  app.onError(onError(log))

  it.each([
    ['GET', '/nowhere', undefined, 404, '{"code": 404, "message": "there is no GET /nowhere"}'],
    [
      'GET',
      '/fails',
      undefined,
      500,
      '{"code": 500, "message": "an unexpected error, which is logged"}',
    ],
    ['POST', '/echo', 'x'.repeat(11), 413, '{"code": 413, "message": "the body is over 10 bytes"}'],
  ])("%s %s: upstream's body, blanks and all", async (method, path, body, status, wanted) => {
    await using server = await serve({ ...HOST, fetch: app.fetch })
    const response = await fetch(server.url + path, { method, ...(body && { body }) })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.text()).toBe(wanted)
  })

  it('limits a body whose length is not declared', async () => {
    await using server = await serve({ ...HOST, fetch: app.fetch })
    const chunks = (count: number) => ({
      method: 'POST',
      body: ReadableStream.from(
        Array.from({ length: count }, () => new TextEncoder().encode('abcde')),
      ),
      duplex: 'half' as const,
    })
    expect(await (await fetch(`${server.url}/echo`, chunks(2))).text()).toBe('abcdeabcde')
    expect((await fetch(`${server.url}/echo`, chunks(3))).status).toBe(413)
  })

  it('takes a client that leaves in the middle of its body for no fault', async () => {
    const levels: string[] = []
    const write = (line: string): unknown =>
      levels.push((JSON.parse(line) as { level: string }).level)
    const failing = new Hono().use(bodyLimit(10)).post('/', async (c) => c.text(await c.req.text()))
    failing.onError(onError(createLogger('test', { level: 'debug', destination: { write } })))
    await using server = await serve({ ...HOST, fetch: failing.fetch })
    for (const framing of ['Content-Length: 9', 'Transfer-Encoding: chunked']) {
      const socket = connect(server.port, '127.0.0.1')
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n3\r\nabc\r\n`)
      await new Promise((resolve) => server.server.once('request', resolve))
      socket.destroy()
    }
    await eventually(() => expect(levels).toEqual(['debug', 'debug']))
  })

  it('escapes what a message holds', async () => {
    expect(await errorResponse(400, 'a "b"\n').json()).toEqual({ code: 400, message: 'a "b"\n' })
  })
})

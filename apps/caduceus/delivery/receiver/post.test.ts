import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AttemptTimeoutError, createPost, type Post } from './post.ts'
import { createReceiverUrls, type ReceiverUrl } from './receiver-url.ts'
import { createResolver, type Resolver } from './resolver.ts'

const WITHIN_MS = 400

let agent: Agent
let resolver: Resolver
let post: Post
let server: Server
let url: ReceiverUrl
let requestCount: number

const request = { headers: ['Content-Type', 'application/json'], body: Buffer.from('{}') }

/** The receiver's part; each test has its own. */
async function receive(listener: Parameters<typeof createServer>[1]): Promise<void> {
  server.on('request', () => (requestCount += 1))
  if (listener) server.on('request', listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  url = createReceiverUrls()(`http://127.0.0.1:${port}/path?query`) as ReceiverUrl
}

beforeEach(() => {
  agent = new Agent()
  resolver = createResolver()
  post = createPost({ dispatcher: agent, resolver, withinMs: WITHIN_MS })
  server = createServer()
  requestCount = 0
})
afterEach(async () => {
  await agent.destroy()
  resolver[Symbol.dispose]()
  server.closeAllConnections()
  server.close()
})

describe('a POST', () => {
  it('is answered by a status, and its connection is used again', async () => {
    const ports = new Set<number | undefined>()
    await receive(({ socket, url: path }, response) => {
      ports.add(socket.remotePort)
      response.writeHead(path === '/path?query' ? 429 : 404, { 'Retry-After': '7' }).end('later')
    })
    for (let count = 0; count < 5; count += 1) {
      expect(await post(url, request, 'o')).toEqual({ status: 429, retryAfter: '7' })
    }
    // The next one is sent while the connection of the first is still on its way back.
    expect(ports.size).toBeLessThanOrEqual(2)
  })

  it('has no answer when none comes in time, and its connection is ended', async () => {
    const ended = Promise.withResolvers<void>()
    await receive((_, response) => void response.on('close', ended.resolve))
    const startedAt = performance.now()
    const posted = await post(url, request, 'o')
    expect(posted).toEqual({ error: expect.any(AttemptTimeoutError) })
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(WITHIN_MS - 1)
    await ended.promise
  })

  it('counts by its status where the answer never ends, or is too long to be read', async () => {
    await receive(({ headers }, response) => {
      response.writeHead(202)
      if (headers['x-long']) response.end('a'.repeat(1_000_000))
      else response.write('a')
    })
    const long = { ...request, headers: ['x-long', 'yes'] }
    const answers = [await post(url, request, 'o'), await post(url, long, 'o')]
    expect(answers.map(({ status }) => status)).toEqual([202, 202])
  })

  it('waits for the answer behind an early hint', async () => {
    await receive((_, response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload' })
      response.writeHead(500).end()
    })
    expect(await post(url, request, 'o')).toMatchObject({ status: 500 })
  })

  it('has an error where nobody listens, or the receiver hangs up', async () => {
    await receive(({ socket }) => void socket.destroy())
    expect(await post(url, request, 'o')).toEqual({ error: expect.any(Error) })
    server.close()
    await once(server, 'close')
    expect(await post(url, request, 'o')).toEqual({ error: expect.any(Error) })
  })

  it('is not sent when its time is over before its name is found', async () => {
    await receive((_, response) => void response.end())
    const found = Promise.withResolvers<readonly string[]>()
    const slow = { ...resolver, isKnown: () => false, resolve: () => found.promise }
    const late = createPost({ dispatcher: agent, resolver: slow, withinMs: 50 })
    expect(await late(url, request, 'o')).toEqual({ error: expect.any(AttemptTimeoutError) })
    found.resolve(['127.0.0.1'])
    await post(url, request, 'o')
    expect(requestCount).toBe(1)
  })

  it('of many that hang ends each after its own time', async () => {
    await receive(() => undefined)
    const startedAt = performance.now()
    const tookMs: number[] = []
    const one = async (): Promise<void> => {
      const beganAt = performance.now()
      await post(url, request, 'o')
      tookMs.push(performance.now() - beganAt)
    }
    const first = Array.from({ length: 20 }, one)
    await post(url, request, 'o')
    await Promise.all([...first, one()])
    expect(Math.min(...tookMs)).toBeGreaterThanOrEqual(WITHIN_MS - 1)
    expect(performance.now() - startedAt).toBeLessThan(10 * WITHIN_MS)
  })
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { connectionsMaxOf, createDroppedCounter } from './connections.ts'
import { serve } from './server.ts'

describe('how many connections a port may have', () => {
  it('is below the number of files that the process may open, whatever is wanted', () => {
    expect(connectionsMaxOf(0, 20_000)).toBe(17_968)
    expect(connectionsMaxOf(50_000, 20_000)).toBe(17_968)
    expect(connectionsMaxOf(100, 20_000)).toBe(100)
    expect(connectionsMaxOf(0, 10)).toBe(8)
    expect(connectionsMaxOf(0)).toBeGreaterThan(8)
  })
})

describe('a server', () => {
  it('closes what is over its limit at once, counts it, and tells the first', async () => {
    const lines: string[] = []
    const registry = createRegistry('test')
    const log = createLogger('test', {
      level: 'info',
      destination: { write: (line) => lines.push(line) },
    })
    const connections = { max: 2, dropped: createDroppedCounter(registry), log }
    const fetch = (): Response => new Response('hello')
    await using server = await serve({ hostname: '127.0.0.1', port: 0, fetch, connections })
    const held = await Promise.all([1, 2].map(() => connected(server.port)))
    for (let count = 1; count <= 3; count += 1) {
      const socket = connect(server.port, '127.0.0.1')
      socket.on('error', () => undefined)
      await once(socket, 'close')
    }
    expect(await registry.page()).toContain(
      'xmidt_test_connections_dropped_total{reason="limit"} 3\n',
    )
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('"count":1')
    held[0]?.destroy()
    held[1]?.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await text(held[1] as Socket)).toContain('hello')
  })

  it('closes a connection that never sends a byte', async () => {
    const fetch = (): Response => new Response()
    const options = { hostname: '127.0.0.1', port: 0, fetch, requestTimeoutMs: 200 }
    await using server = await serve(options)
    const socket = await connected(server.port)
    socket.resume()
    const startedAt = performance.now()
    await once(socket, 'close')
    expect(performance.now() - startedAt).toBeLessThan(10_000)
  })
})

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** A server whose limit is over what the process can open. */
const PROGRAM = `
import { createLogger } from '#libs/log/logger.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { createDroppedCounter } from '#libs/http/connections.ts'
import { serve } from '#libs/http/server.ts'
const connections = { max: 10_000, dropped: createDroppedCounter(createRegistry('test')), log: createLogger('test', { level: 'silent' }) }
const server = await serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('hello'), connections })
process.stdout.write(server.port + '\\n')
process.stdin.on('end', () => process.exit(0)).resume()
`

it.runIf(process.platform === 'linux')(
  'a server that runs out of files goes on with those that it has',
  async () => {
    const command = `ulimit -n 64; exec "${process.execPath}" --input-type=module -e "$PROGRAM"`
    const child = spawn('sh', ['-c', command], {
      env: { ...process.env, PROGRAM },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const port = Number(line.toString())
    const first = await connected(port)
    const flood = Array.from({ length: 100 }, () => connect(port, '127.0.0.1'))
    for (const socket of flood) socket.on('error', () => undefined)
    await Promise.all(
      flood.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])),
    )
    first.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await text(first)).toContain('hello')
    for (const socket of flood) socket.destroy()
    child.stdin.end()
    expect(await ended).toEqual([0, null])
  },
)

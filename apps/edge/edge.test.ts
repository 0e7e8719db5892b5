import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { loadConfig } from '#libs/config/load.ts'
import { createLogger } from '#libs/log/logger.ts'
import { createBrokenLog } from '#tests/support/broken-log.ts'
import { eventually } from '#tests/support/eventually.ts'
import { start, type Edge } from './app.ts'
import { edgeEnv } from './config.ts'
import { createDial } from './dial.ts'

const log = createLogger('test', { level: 'silent' })
const cleanup = new Set<() => unknown>()
afterEach(async () => {
  for (const end of cleanup) await end()
  cleanup.clear()
})

/** A server behind the door. */
async function behind(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanup.add(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function startEdge(environment: Record<string, string>, appLog = log): Promise<Edge> {
  const config = loadConfig(edgeEnv, { EDGE_OPERATIONS_PORT: '0', ...environment })
  const edge = await start(config, appLog)
  cleanup.add(() => edge[Symbol.asyncDispose]())
  return edge
}

function knock(edge: Edge, index = 0): Socket {
  const socket = connect({ port: edge.ports[index] ?? 0, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => socket.destroy())
  cleanup.add(() => socket.destroy())
  return socket
}

const page = async (edge: Edge): Promise<string> =>
  (await fetch(`${edge.operationsUrl}/metrics`)).text()

describe('the door', () => {
  it('carries bytes both ways, and the end of one direction does not end the other', async () => {
    // Answers only when it has heard everything.
    const port = await behind((socket) => {
      void buffer(socket).then((heard) => socket.end(`heard ${heard.length}`))
    })
    const edge = await startEdge({ EDGE_ROUTES: `0=127.0.0.1:${port}` })
    const socket = knock(edge)
    socket.end(Buffer.alloc(5_000_000, 'x'))
    expect(await text(socket)).toBe('heard 5000000')
    await eventually(async () => {
      expect(await page(edge)).toContain('xmidt_edge_connections 0')
      expect(await page(edge)).toContain('xmidt_edge_connections_carried_total 1')
    })
  })

  it('leads to the container that a route names, and to any where it names none', async () => {
    const targetPort = await behind((socket) => socket.end('here'))
    const dial = createDial({
      hostnameOf: (service, replica) => `127.0.0.${service === 'talaria' ? replica : 99}`,
      connectMs: 1_000,
    })
    const signal = AbortSignal.timeout(5_000)
    const route = { port: 0, targetPort }
    expect(await text(await dial({ ...route, service: 'talaria', replica: 1 }, signal))).toBe(
      'here',
    )
    expect(
      await text(await dial({ ...route, service: '127.0.0.1', replica: undefined }, signal)),
    ).toBe('here')
    await expect(dial({ ...route, service: 'other', replica: 1 }, signal)).rejects.toThrow(
      '127.0.0.99',
    )
  })

  it('closes a connection at once when nobody accepts behind it, and counts it', async () => {
    const edge = await startEdge({ EDGE_ROUTES: `0=127.0.0.1:${await freePort()}` })
    expect(await text(knock(edge))).toBe('')
    expect(await page(edge)).toContain(
      'xmidt_edge_connections_refused_total{reason="unreachable"} 1',
    )
  })

  it('closes what is over its limit, and leaves the others alone', async () => {
    const port = await behind((socket) => socket.pipe(socket))
    const edge = await startEdge({
      EDGE_ROUTES: `0=127.0.0.1:${port}`,
      EDGE_CONNECTIONS_MAX: '1',
    })
    const first = knock(edge)
    first.write('a')
    expect(String(await new Promise((resolve) => first.once('data', resolve)))).toBe('a')
    expect(await text(knock(edge))).toBe('')
    expect(await page(edge)).toContain('xmidt_edge_connections_refused_total{reason="full"} 1')
    first.write('b')
    expect(String(await new Promise((resolve) => first.once('data', resolve)))).toBe('b')
  })

  it('cuts a client whose container died, and a container whose client died', async () => {
    const inside: Socket[] = []
    const port = await behind((socket) => void inside.push(socket.resume()))
    const edge = await startEdge({ EDGE_ROUTES: `0=127.0.0.1:${port}` })
    const abandoned = knock(edge).resume()
    await eventually(() => expect(inside).toHaveLength(1))
    inside[0]?.resetAndDestroy()
    await eventually(() => expect(abandoned.destroyed || abandoned.readableEnded).toBe(true))
    const gone = knock(edge)
    await eventually(() => expect(inside).toHaveLength(2))
    gone.resetAndDestroy()
    await eventually(() => expect(inside[1]?.destroyed).toBe(true))
  })

  it('at its end closes what it carries', async () => {
    const port = await behind((socket) => socket.pipe(socket))
    const edge = await startEdge({ EDGE_ROUTES: `0=127.0.0.1:${port}` })
    const socket = knock(edge)
    socket.write('a')
    await new Promise((resolve) => socket.once('data', resolve))
    socket.resume()
    await edge[Symbol.asyncDispose]()
    await eventually(() => expect(socket.destroyed || socket.readableEnded).toBe(true))
  })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('an unexpected error', () => {
  it('with one connection closes that one, and the next is taken', async () => {
    const broken = createBrokenLog('edge')
    const nobody = await behind(() => undefined)
    await [...cleanup].at(-1)?.()
    const edge = await startEdge({ EDGE_ROUTES: `0=127.0.0.1:${nobody}` }, broken.log)
    broken.breakAt(['nobody accepts'])
    for (const count of [1, 2]) {
      expect(await text(knock(edge))).toBe('')
      await eventually(async () => {
        expect(await page(edge)).toContain(`xmidt_edge_faults_total{kind="connection"} ${count}`)
      })
    }
  })
})

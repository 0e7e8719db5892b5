import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { countWrites, whyNoWriteCount } from '#tests/support/count-writes.ts'
import { eventually } from '#tests/support/eventually.ts'
import { DeviceSocket } from './device-socket.ts'

const TEXTS = Array.from({ length: 100 }, (_, index) => String(index))

let server: Server
let device: WebSocket
let socket: DeviceSocket
let received: string[]

beforeEach(async () => {
  received = []
  const sockets = new WebSocketServer({ noServer: true, WebSocket: DeviceSocket })
  server = createServer()
  const upgraded = new Promise<DeviceSocket>((resolve) => {
    server.on('upgrade', (request, connection, head) =>
      sockets.handleUpgrade(request, connection, head, (webSocket) => {
        webSocket.connection = connection
        resolve(webSocket)
      }),
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  device = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  device.on('message', (bytes: Buffer) => received.push(bytes.toString()))
  ;[socket] = await Promise.all([upgraded, once(device, 'open')])
})
afterEach(() => {
  device.terminate()
  socket.terminate()
  server.close()
})

/** Sends all in one turn of the loop; resolves when they are there. */
async function sendAll(): Promise<void> {
  for (const text of TEXTS) {
    socket.gather()
    socket.send(text)
    await Promise.resolve()
  }
  await eventually(() => expect(received).toEqual(TEXTS))
}

describe('what is sent to a device in one turn of the loop', () => {
  it.skipIf(whyNoWriteCount)('comes in its order, by one write', async () => {
    expect(await countWrites(sendAll)).toBeLessThan(TEXTS.length / 5)
  })

  it('comes although the connection is closed in the same turn', async () => {
    for (const text of TEXTS) {
      socket.gather()
      socket.send(text)
    }
    socket.close(1001, 'over')
    const [code] = (await once(device, 'close')) as [number]
    expect(code).toBe(1001)
    expect(received).toEqual(TEXTS)
  })
})

describe('what a device sends', () => {
  it('is told to its owner, and its close to whoever else waits for it', async () => {
    const told: unknown[] = []
    socket.tell({
      onMessage: (bytes, isBinary) => told.push(['message', bytes.toString(), isBinary]),
      onPing: () => told.push('ping'),
      onPong: () => told.push('pong'),
      onSocketError: (error) => told.push(['error', error.code]),
      onSocketClose: () => told.push('close'),
    })
    const closed = once(socket, 'close')
    device.send(Buffer.from('event'))
    device.ping()
    device.pong()
    device.close(1000, 'over')
    expect((await closed)[0]).toBe(1000)
    expect(told).toEqual([['message', 'event', true], 'ping', 'pong', 'close'])
  })

  it('and is no frame ends as an error that is told, and not as one that nobody takes', async () => {
    const told: unknown[] = []
    socket.tell({
      onMessage: () => told.push('message'),
      onPing: () => told.push('ping'),
      onPong: () => told.push('pong'),
      onSocketError: (error) => told.push(error.code),
      onSocketClose: () => told.push('close'),
    })
    const closed = once(socket, 'close')
    const connection = Reflect.get(device, '_socket') as Socket
    connection.write(Buffer.from([0xff, 0xff]))
    device.on('error', () => undefined)
    await closed
    expect(told).toEqual(['WS_ERR_UNEXPECTED_RSV_2_3', 'close'])
  })
})

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
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
  socket = await upgraded
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

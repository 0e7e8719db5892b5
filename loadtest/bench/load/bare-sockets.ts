/**
 * The least that can bring commands to devices: a `ws` server, a subscription for each connection,
 * the answer to whichever command it belongs to. No token, no WRP. A process of its own.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, type Msg } from '@nats-io/transport-node'
import { WebSocketServer } from 'ws'
import { answerOrders } from '#loadtest/bench/child.ts'
import type { BareHttpOrder } from './bare-http.ts'

/** The answer. */
export interface BareSocketsAnswer {
  url: string
}

answerOrders(async ({ natsPort, user, pass }: BareHttpOrder): Promise<BareSocketsAnswer> => {
  const nats = await connect({ servers: `127.0.0.1:${natsPort}`, user, pass, noAsyncTraces: true })
  const waiting = new Map<number, Msg>()
  let count = 0
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  server.on('connection', (socket, request) => {
    const device = String(request.headers['x-webpa-device-name'])
    nats.subscribe(`bench.${device}`, {
      callback: (_error, message) => {
        // Which command it is goes before the payload, as an answer names its transaction.
        const bytes = Buffer.allocUnsafe(4 + message.data.length)
        bytes.writeUInt32BE(count, 0)
        bytes.set(message.data, 4)
        waiting.set(count++, message)
        socket.send(bytes)
      },
    })
    socket.on('message', (bytes: Buffer) => {
      const id = bytes.readUInt32BE(0)
      waiting.get(id)?.respond(bytes.subarray(4))
      waiting.delete(id)
    })
  })
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
})

/**
 * The least that can take a command by HTTP: node's own server, one publish with a reply subject, the
 * reply as the answer, 404 where nobody listens. No credential, no WRP. A process of its own.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect, createInbox } from '@nats-io/transport-node'
import { answerOrders } from '#loadtest/bench/child.ts'

/** What it needs: the server's URL without a password, and who it is there. */
export interface BareHttpOrder {
  natsPort: number
  user: string
  pass: string
}

/** The answer. */
export interface BareHttpAnswer {
  port: number
}

answerOrders(async ({ natsPort, user, pass }: BareHttpOrder): Promise<BareHttpAnswer> => {
  const nats = await connect({ servers: `127.0.0.1:${natsPort}`, user, pass, noAsyncTraces: true })
  const inbox = createInbox()
  const waiting = new Map<string, ServerResponse>()
  let count = 0
  nats.subscribe(`${inbox}.*`, {
    callback: (_error, message) => {
      const token = message.subject.slice(inbox.length + 1)
      const response = waiting.get(token)
      waiting.delete(token)
      if (message.headers?.code === 503) response?.writeHead(404).end('nobody')
      else response?.end(message.data)
    },
  })
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const token = (count++).toString(36)
      waiting.set(token, response)
      nats.publish(`bench.${String(request.headers['x-device'])}`, Buffer.concat(chunks), {
        reply: `${inbox}.${token}`,
      })
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { port: (server.address() as AddressInfo).port }
})

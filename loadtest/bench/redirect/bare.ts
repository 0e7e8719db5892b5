/** The least that can send a device somewhere: Node's own server with one constant answer. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerOrders } from '#loadtest/bench/child.ts'

/** What the scenario gets. */
export interface BareAnswer {
  port: number
}

const HEADERS = { Location: 'http://127.0.0.1:6200/api/v2/device', 'Content-Length': '0' }

answerOrders(async (): Promise<BareAnswer> => {
  const server = createServer((_request, response) => {
    response.writeHead(307, HEADERS)
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port }
})

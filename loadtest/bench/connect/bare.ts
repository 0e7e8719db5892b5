/** The least that can hold a device: a websocket server that lets everybody in and does nothing. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { answerOrders } from '#loadtest/bench/child.ts'

/** What the scenario gets. */
export interface BareAnswer {
  url: string
}

answerOrders(async (): Promise<BareAnswer> => {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    perMessageDeflate: false,
    clientTracking: false,
  })
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
})

/**
 * The least that can hold a device: a websocket server that lets everybody in, and pings each as
 * often as Talaria does. Its heap has Talaria's settings.
 */
import '#apps/talaria/heap/keep-small.ts'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import { BACKLOG } from '#libs/http/backlog.ts'
import { answerOrders } from '#loadtest/bench/child.ts'

/** What the scenario gets. */
export interface BareAnswer {
  url: string
}

/** Talaria's default, in looks of a second each. */
const LOOKS_PER_PING = 20

const PAYLOAD = Buffer.from('mac:112233445566')

answerOrders(async (): Promise<BareAnswer> => {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    backlog: BACKLOG,
    perMessageDeflate: false,
    clientTracking: false,
  })
  await once(server, 'listening')
  const held: WebSocket[] = []
  server.on('connection', (socket) => void held.push(socket))
  let look = 0
  setInterval(() => {
    for (let index = look++ % LOOKS_PER_PING; index < held.length; index += LOOKS_PER_PING) {
      held[index]?.ping(PAYLOAD)
    }
  }, 1_000)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
})

/**
 * Devices that ask where to go: so many connections, each with one request after the other. They
 * speak over bare sockets, as an ordinary HTTP client takes more time than the server that is
 * measured.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { wait } from '#libs/retry/wait.ts'
import { answerOrders } from '#loadtest/bench/child.ts'

/** Asks `port` for so long. */
export interface AskOrder {
  port: number
  connections: number
  forMs: number
}

/** How many redirects came. */
export interface Asked {
  count: number
  /** How many different places they led to. */
  places: number
  /** Of the time, how much this process was at work: 1 is one core. */
  busy: number
}

/** More than any cache here keeps. */
const DEVICES = 10_000

const REQUESTS = Array.from({ length: DEVICES }, (_, index) =>
  Buffer.from(
    'GET /api/v2/device HTTP/1.1\r\nHost: 127.0.0.1\r\n' +
      `X-Webpa-Device-Name: mac:${(0x14cfe2000000 + index).toString(16)}\r\n` +
      'User-Agent: ParodusBench\r\nAccept: */*\r\n\r\n',
  ),
)

answerOrders(async ({ port, connections, forMs }: AskOrder): Promise<Asked> => {
  let count = 0
  let next = 0
  let isOver = false
  const places = new Set<string>()
  const ask = (socket: Socket): void => {
    next = (next + 1) % DEVICES
    socket.write(REQUESTS[next] ?? '')
  }
  const follow = (socket: Socket): void => {
    let text = ''
    socket.on('data', (data) => {
      text += data.toString('latin1')
      if (!isWhole(text)) return
      const [, place] = /\r\nLocation: http:\/\/([^/\r]+)/i.exec(text) ?? []
      if (place === undefined || !text.startsWith('HTTP/1.1 307 ')) {
        throw new Error(`no redirect: ${text}`)
      }
      places.add(place)
      text = ''
      count += 1
      if (!isOver) ask(socket)
    })
  }
  const before = process.cpuUsage()
  const sockets = Array.from({ length: connections }, () => connect({ port, noDelay: true }))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  for (const socket of sockets) {
    follow(socket)
    ask(socket)
  }
  await wait(forMs)
  isOver = true
  const { user, system } = process.cpuUsage(before)
  for (const socket of sockets) socket.destroy()
  return { count, places: places.size, busy: (user + system) / 1_000 / forMs }
})

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return false
  const [, length] = /\r\nContent-Length: (\d+)\r\n/i.exec(text) ?? []
  return text.length >= end + 4 + Number(length)
}

/**
 * Callers that ask over HTTP, each with one request under way on a connection of its own. As little
 * work a request as can be: what is measured is who answers. A process of its own.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { answerOrders } from '#loadtest/bench/child.ts'
import { quantile } from '#loadtest/bench/statistics.ts'

/** What may be asked of this process: to ask for so long. */
export interface CallersOrder {
  port: number
  /** The heads of requests, taken in turn; `{id}` in one becomes 12 digits, no two requests' alike. */
  heads: string[]
  body: string
  inFlight: number
  ms: number
  /** What each answer must be. */
  status: number
}

/** The answer. */
export interface Called {
  count: number
  /** Answers of another status. */
  failures: number
  seconds: number
  p50Ms: number
  p99Ms: number
  /** Of one core, 0 to 1. */
  ownCore: number
}

const HEAD_END = '\r\n\r\n'

let idCount = 0

async function call(order: CallersOrder): Promise<Called> {
  const times: number[] = []
  let failures = 0
  const startedAt = performance.now()
  const cpu = process.cpuUsage()
  const until = startedAt + order.ms
  const caller = async (): Promise<void> => {
    const socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    const ask = exchange(socket)
    while (performance.now() < until) {
      const id = idCount++
      const head = order.heads[id % order.heads.length] ?? ''
      const sentAt = performance.now()
      const status = await ask(
        head.replace('{id}', String(id).padStart(12, '0')) + HEAD_END + order.body,
      )
      times.push(performance.now() - sentAt)
      if (status !== order.status) failures += 1
    }
    socket.destroy()
  }
  await Promise.all(Array.from({ length: order.inFlight }, caller))
  const seconds = (performance.now() - startedAt) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  return {
    count: times.length,
    failures,
    seconds,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    ownCore: (user + system) / 1e6 / seconds,
  }
}

/** Sends a request and resolves with the status once all of its answer is there. */
function exchange(socket: Socket): (request: string) => Promise<number> {
  let answer = ''
  let done: ((status: number) => void) | undefined
  let failed: ((error: Error) => void) | undefined
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    answer += text
    if (!isWhole(answer)) return
    const status = Number(answer.slice(9, 12))
    answer = ''
    done?.(status)
  })
  socket.on('error', (error) => failed?.(error))
  socket.on('close', () => failed?.(new Error('the connection was closed')))
  return (request) =>
    new Promise((resolve, reject) => {
      done = resolve
      failed = reject
      socket.write(request, 'latin1')
    })
}

function isWhole(answer: string): boolean {
  const headEnd = answer.indexOf(HEAD_END)
  if (headEnd < 0) return false
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer)?.[1]
  if (length === undefined) return answer.endsWith(`0${HEAD_END}`)
  return answer.length >= headEnd + HEAD_END.length + Number(length)
}

answerOrders(call)

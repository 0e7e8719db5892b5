/** Receivers of webhooks, all in one process: they answer 200 and note how long each event took. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerOrders } from '#loadtest/bench/child.ts'
import { quantile } from '#loadtest/bench/statistics.ts'
import { sentAtOf } from './event.ts'

/** What may be asked of this process. */
export type ReceiverOrder =
  /** Listens. */
  | { act: 'listen' }
  /** Forgets what came. */
  | { act: 'begin' }
  /** Answers when so many came, or when `withinMs` is over. */
  | { act: 'await'; count: number; withinMs: number }

/** The answer to `listen`: each path of it is a receiver. */
export interface Listening {
  url: string
}

/** The answer to `await`. */
export interface Received {
  count: number
  /** From `begin` to the last of them. */
  seconds: number
  /** From before an event was published to its POST, in milliseconds. */
  p50Ms: number
  p99Ms: number
}

/** How often is looked whether all have come. */
const LOOK_MS = 5

let latencies: number[] = []
let beganAt = 0
let lastAt = 0

const nowMs = (): number => performance.timeOrigin + performance.now()

const server = createServer((request, response) => {
  const at = nowMs()
  let first: Buffer | undefined
  request.on('data', (chunk: Buffer) => (first ??= chunk))
  request.on('end', () => {
    response.end()
    lastAt = at
    if (first) latencies.push(at - sentAtOf(first))
  })
})

async function received(count: number, withinMs: number): Promise<Received> {
  const until = performance.now() + withinMs
  while (latencies.length < count && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  return {
    count: latencies.length,
    seconds: (lastAt - beganAt) / 1_000,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  }
}

answerOrders(async (order: ReceiverOrder): Promise<Listening | Received | object> => {
  if (order.act === 'await') return received(order.count, order.withinMs)
  if (order.act === 'begin') {
    latencies = []
    beganAt = nowMs()
    return {}
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
})

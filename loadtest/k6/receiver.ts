#!/usr/bin/env node
/**
 * The webhook receiver that the k6 scripts count with: takes every delivery, remembers which event
 * it was and when it came, and tells that to whoever asks. A Node program without dependencies:
 * `node loadtest/k6/receiver.ts --port 6800`; with `--fail-every 10` each tenth delivery is counted
 * and answered 503, so that it comes again.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'

/** How many deliveries are kept for each webhook; the oldest go first and are no longer told. */
const DELIVERIES_MAX = 100_000

/** How many webhooks are kept apart; a delivery to a further one is answered 507. */
const HOOKS_MAX = 10_000

/** How many deliveries one answer tells. */
const PAGE_MAX = 1_000

/** One delivery: its event's transaction, and when its last byte came, in ms since 1970. */
interface Delivery {
  transaction: string
  atMs: number
}

/** The deliveries to one webhook; `first` is the number of the oldest that is kept. */
interface Hook {
  first: number
  deliveries: Delivery[]
}

/** A running receiver. */
export interface CountingReceiver extends AsyncDisposable {
  readonly url: string
}

/** Starts a receiver; port 0 takes any free one, `failEvery` 0 fails none. */
export async function startCountingReceiver({
  host = '127.0.0.1',
  port = 0,
  failEvery = 0,
}: { host?: string; port?: number; failEvery?: number } = {}): Promise<CountingReceiver> {
  const hooks = new Map<string, Hook>()
  let count = 0
  const isFailing = (): boolean => {
    count += 1
    return failEvery > 0 && count % failEvery === 0
  }
  const server = createServer((request, response) => {
    answer(request, response, hooks, isFailing).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => close(server),
  }
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  hooks: Map<string, Hook>,
  isFailing: () => boolean,
): Promise<void> {
  // Read to its end and thrown away: the payload is not what is counted.
  for await (const _ of request) void _
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://receiver')
  const name = pathname.match(/^\/hooks\/([^/]+)$/)?.[1]
  const reply = (status: number, body?: unknown): void =>
    void response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(body === undefined ? '' : JSON.stringify(body))
  if (name === undefined) {
    return pathname === '/' ? reply(200, { hooks: hooks.size }) : reply(404)
  }
  switch (request.method) {
    case 'POST':
      if (!take(hooks, name, request)) return reply(507)
      return reply(isFailing() ? 503 : 200)
    case 'GET':
      return reply(200, pageOf(hooks.get(name), Number(searchParams.get('after'))))
    case 'DELETE':
      hooks.delete(name)
      return reply(204)
    default:
      return reply(405)
  }
}

function take(hooks: Map<string, Hook>, name: string, request: IncomingMessage): boolean {
  const hook = hooks.get(name) ?? { first: 0, deliveries: [] }
  if (!hooks.has(name) && hooks.size >= HOOKS_MAX) return false
  hooks.set(name, hook)
  const transaction = [request.headers['x-webpa-transaction-id']].flat()[0] ?? ''
  hook.deliveries.push({ transaction, atMs: Date.now() })
  if (hook.deliveries.length > DELIVERIES_MAX) {
    hook.deliveries.shift()
    hook.first += 1
  }
  return true
}

/** The deliveries from number `after` on, and the number to ask for next. */
function pageOf(hook: Hook | undefined, after: number) {
  const from = Math.max(0, (Number.isInteger(after) ? after : 0) - (hook?.first ?? 0))
  const deliveries = hook?.deliveries.slice(from, from + PAGE_MAX) ?? []
  return { next: (hook?.first ?? 0) + from + deliveries.length, deliveries }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '6800' },
      'fail-every': { type: 'string', default: '0' },
    },
  })
  try {
    const receiver = await startCountingReceiver({
      host: values.host,
      port: Number(values.port),
      failEvery: Number(values['fail-every']),
    })
    process.stdout.write(`receiver: ${receiver.url}, until Ctrl-C\n`)
    const end = (): void => void receiver[Symbol.asyncDispose]()
    process.once('SIGINT', end)
    process.once('SIGTERM', end)
  } catch (error) {
    process.stderr.write(`receiver: ${(error as Error).message}\n`)
    process.exitCode = 1
  }
}

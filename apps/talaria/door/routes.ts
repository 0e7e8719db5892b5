/** What Talaria's primary port answers to a request that asks for no websocket. talaria.md §2.1. */
import { Hono } from 'hono'
import { errorResponse, notFound, onError } from '#libs/http/error.ts'
import type { Logger } from '#libs/log/logger.ts'
import { deviceIdOfHeaders } from './identify.ts'
import { Refusal } from './refusal.ts'

/** The routes. */
export function createRoutes(log: Logger): Hono {
  const app = new Hono()
  for (const version of ['v2', 'v3']) {
    app.all(`/api/${version}/device`, (c) =>
      answer(c.req.method, c.req.header('x-webpa-device-name') ?? '', c.req.header('upgrade')),
    )
  }
  app.notFound(notFound)
  app.onError(onError(log))
  return app
}

function answer(method: string, name: string, upgrade: string | undefined): Response {
  try {
    deviceIdOfHeaders({ 'x-webpa-device-name': name })
  } catch (error) {
    if (error instanceof Refusal) return errorResponse(error.status, error.message)
    throw error
  }
  // Upgrades come here only as long as nobody takes them, so that a device tries again soon.
  if (upgrade?.toLowerCase() === 'websocket') return errorResponse(503, 'this Talaria is starting')
  const [status, text] = method === 'GET' ? [400, 'Bad Request'] : [405, 'Method Not Allowed']
  // RFC 6455 4.2.2: which version would have been taken.
  return new Response(text, { status, headers: { 'Sec-Websocket-Version': '13' } })
}

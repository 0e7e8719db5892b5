/** The control API on the operations port: the gate and the drain. talaria.md §1.2. */
import { Hono } from 'hono'
import type { Devices } from '#apps/talaria/session/devices.ts'
import { errorResponse } from '#libs/http/error.ts'
import type { Drain } from './drain.ts'
import type { Gate } from './gate.ts'
import { cancelDrain, drainJson, gateJson, orderDrain, orderGate, OrderError } from './orders.ts'

/** What {@link createControl} needs. */
export interface ControlOptions {
  gate: Gate
  drain: Drain
  devices: Devices
}

/** The routes, under both versions. */
export function createControl(options: ControlOptions): Hono {
  const app = new Hono()
  for (const version of ['v2', 'v3']) app.route(`/api/${version}/device`, routes(options))
  return app
}

function routes({ gate, drain, devices }: ControlOptions): Hono {
  const app = new Hono()
  app.get('/gate', (c) => c.json(gateJson(gate)))
  app.on(['POST', 'PUT', 'PATCH'], '/gate', (c) =>
    c.body(null, orderGate(gate, c.req.query('open')) ? 201 : 200),
  )
  app.get('/drain', (c) => c.json(drainJson(drain)))
  app.on(['POST', 'PUT', 'PATCH'], '/drain', (c) =>
    c.json(orderDrain(drain, c.req.query(), devices.count)),
  )
  app.delete('/drain', async (c) => {
    await cancelDrain(drain)
    return c.body(null, 200)
  })
  app.onError((error) => {
    if (!(error instanceof OrderError)) throw error
    return errorResponse(error.code === 'ORDER_INVALID' ? 400 : 409, error.message)
  })
  return app
}

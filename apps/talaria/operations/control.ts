/** The control API on the operations port: the gate and the drain, for operators. talaria.md §1.2. */
import { Hono, type Context, type MiddlewareHandler } from 'hono'
import type { Devices } from '#apps/talaria/session/devices.ts'
import { createBasic } from '#libs/auth/basic.ts'
import { errorResponse } from '#libs/http/error.ts'
import type { Drain } from './drain.ts'
import type { Gate } from './gate.ts'
import {
  cancelDrain,
  drainJson,
  gateJson,
  invalid,
  orderDrain,
  orderGate,
  OrderError,
} from './orders.ts'

/** What {@link createControl} needs. */
export interface ControlOptions {
  gate: Gate
  drain: Drain
  devices: Devices
  /** Who may, each `user:password`; nobody where there is none. */
  operators: readonly string[]
}

/** The routes, under both versions. */
export function createControl(options: ControlOptions): Hono {
  const app = new Hono()
  for (const version of ['v2', 'v3']) app.route(`/api/${version}/device`, routes(options))
  return app
}

function routes({ gate, drain, devices, operators }: ControlOptions): Hono {
  const app = new Hono()
  app.use('/gate', operatorsOnly(operators)).use('/drain', operatorsOnly(operators))
  app.get('/gate', (c) => c.json(gateJson(gate)))
  app.on(['POST', 'PUT', 'PATCH'], '/gate', (c) =>
    c.body(null, orderGate(gate, parametersOf(c).open) ? 201 : 200),
  )
  app.get('/drain', (c) => c.json(drainJson(drain)))
  app.on(['POST', 'PUT', 'PATCH'], '/drain', (c) =>
    c.json(orderDrain(drain, parametersOf(c), devices.count)),
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

/** The port may be reached by more than those who may take a Talaria's devices from it. */
function operatorsOnly(operators: readonly string[]): MiddlewareHandler {
  const userOf = createBasic(operators)
  return async (c, next) => {
    if (operators.length === 0) {
      return errorResponse(
        403,
        'nobody may use gate and drain here: set TALARIA_OPERATIONS_CREDENTIALS, or ask over NATS',
      )
    }
    if (userOf(c.req.header('authorization') ?? '') !== undefined) return next()
    return errorResponse(401, 'a credential of TALARIA_OPERATIONS_CREDENTIALS is required', {
      'WWW-Authenticate': 'Basic realm="talaria"',
    })
  }
}

/**
 * The query's parameters, each once. Read here: the framework's own reading loses names that every
 * object has, such as `toString`, and an order would be carried out without them.
 */
function parametersOf(c: Context): Record<string, string> {
  const { searchParams } = new URL(c.req.url)
  const entries = [...searchParams]
  const parameters = Object.fromEntries(entries)
  if (Object.keys(parameters).length < entries.length) throw invalid('a parameter is there twice')
  return parameters
}

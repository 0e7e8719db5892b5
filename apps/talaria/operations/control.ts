/** The control API on the operations port: the gate and the drain. talaria.md §1.2. */
import { Hono } from 'hono'
import type { Devices } from '#apps/talaria/session/devices.ts'
import { errorResponse } from '#libs/http/error.ts'
import type { Drain, DrainJob } from './drain.ts'
import type { Gate } from './gate.ts'

/** What {@link createControl} needs. */
export interface ControlOptions {
  gate: Gate
  drain: Drain
  devices: Devices
}

/** Go's ParseBool, which upstream takes. */
const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

/** What a drain is asked with, and what each looks like. */
const DRAIN_PARAMETERS: Readonly<Record<string, RegExp>> = {
  count: /^\d{1,9}$/,
  percent: /^\d{1,3}$/,
  rate: /^\d{1,9}$/,
  tick: /^\d{1,6}(ms|s|m)$/,
}

/** The routes, under both versions. */
export function createControl(options: ControlOptions): Hono {
  const app = new Hono()
  for (const version of ['v2', 'v3']) app.route(`/api/${version}/device`, routes(options))
  return app
}

function routes({ gate, drain, devices }: ControlOptions): Hono {
  const app = new Hono()
  app.get('/gate', (c) =>
    c.json({ open: gate.isOpen, timestamp: gate.changedAt.toISOString().replace(/\.\d+/, '') }),
  )
  app.on(['POST', 'PUT', 'PATCH'], '/gate', (c) => {
    const open = c.req.query('open')
    if (open === undefined) return errorResponse(400, 'missing open parameter')
    if (!TRUE.has(open) && !FALSE.has(open)) {
      return errorResponse(400, 'the open parameter must be a bool')
    }
    return c.body(null, gate.set(TRUE.has(open)) ? 201 : 200)
  })
  app.get('/drain', (c) => {
    const { job = { count: 0 }, progress } = drain.last ?? {}
    const none = { visited: 0, drained: 0, started: '0001-01-01T00:00:00Z' }
    return c.json({ active: drain.isActive, job: jobJson(job), progress: progress ?? none })
  })
  app.on(['POST', 'PUT', 'PATCH'], '/drain', (c) => {
    const job = jobOf(c.req.query(), devices.count)
    if (typeof job === 'string') return errorResponse(400, job)
    if (!drain.begin(job)) return errorResponse(409, 'a drain operation is already running')
    return c.json(jobJson(job))
  })
  app.delete('/drain', async (c) => c.body(null, (await drain.cancel()) ? 200 : 409))
  return app
}

const jobJson = ({ count, rate, tickMs }: DrainJob): object => ({
  count,
  ...(rate !== undefined && { rate }),
  ...(tickMs !== undefined && { tick: `${tickMs / 1_000}s` }),
})

/** The job, or what is wrong with the parameters. */
function jobOf(query: Record<string, string>, deviceCount: number): DrainJob | string {
  for (const [name, value] of Object.entries(query)) {
    const pattern = DRAIN_PARAMETERS[name]
    if (!pattern) return `there is no parameter ${name}`
    if (!pattern.test(value)) return `the ${name} parameter is not valid`
  }
  const { tick = '1s' } = query
  const [count, percent, rate] = [query.count, query.percent, query.rate].map((text) =>
    Number(text ?? 0),
  ) as [number, number, number]
  const wanted = percent > 0 ? Math.floor((deviceCount * percent) / 100) : count
  const job = { count: percent > 0 || count > 0 ? wanted : deviceCount }
  return rate > 0 ? { ...job, rate, tickMs: tickMsOf(tick) } : job
}

function tickMsOf(tick: string): number {
  const value = Number.parseInt(tick, 10)
  if (tick.endsWith('ms')) return value
  return value * (tick.endsWith('m') ? 60_000 : 1_000)
}

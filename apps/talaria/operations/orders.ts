/**
 * What may be asked of the gate and the drain, read and answered alike however it came: by the HTTP
 * control API in a query, by NATS in JSON. talaria.md §1.2.
 */
import type { Drain, DrainJob } from './drain.ts'
import type { Gate } from './gate.ts'

/** An order that cannot be carried out; `message` is for whoever gave it. */
export class OrderError extends Error {
  override readonly name = 'OrderError'
  readonly code: 'ORDER_INVALID' | 'DRAIN_ACTIVE' | 'DRAIN_MISSING'

  constructor(code: OrderError['code'], message: string) {
    super(message)
    this.code = code
  }
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

/** Opens or closes the gate; false when it was so already. @throws {OrderError} */
export function orderGate(gate: Gate, open: string | undefined): boolean {
  if (open === undefined) throw invalid('missing open parameter')
  if (!TRUE.has(open) && !FALSE.has(open)) throw invalid('the open parameter must be a bool')
  return gate.set(TRUE.has(open))
}

/** The gate as it is told. */
export const gateJson = (gate: Gate): object => ({
  open: gate.isOpen,
  timestamp: gate.changedAt.toISOString().replace(/\.\d+/, ''),
})

/** Begins a drain of what `parameters` say and resolves with the job as it is told. @throws {OrderError} */
export function orderDrain(
  drain: Drain,
  parameters: Readonly<Record<string, string>>,
  deviceCount: number,
): object {
  const job = jobOf(parameters, deviceCount)
  if (drain.begin(job)) return jobJson(job)
  throw new OrderError('DRAIN_ACTIVE', 'a drain operation is already running')
}

/** Ends the drain that is running. @throws {OrderError} */
export async function cancelDrain(drain: Drain): Promise<void> {
  if (await drain.cancel()) return
  throw new OrderError('DRAIN_MISSING', 'no drain operation is running')
}

/** The drain as it is told: the running job, else the last. */
export function drainJson(drain: Drain): object {
  const { job = { count: 0 }, progress } = drain.last ?? {}
  const none = { visited: 0, drained: 0, started: '0001-01-01T00:00:00Z' }
  return { active: drain.isActive, job: jobJson(job), progress: progress ?? none }
}

const jobJson = ({ count, rate, tickMs }: DrainJob): object => ({
  count,
  ...(rate !== undefined && { rate }),
  ...(tickMs !== undefined && { tick: `${tickMs / 1_000}s` }),
})

function jobOf(parameters: Readonly<Record<string, string>>, deviceCount: number): DrainJob {
  for (const [name, value] of Object.entries(parameters)) {
    const pattern = Object.hasOwn(DRAIN_PARAMETERS, name) ? DRAIN_PARAMETERS[name] : undefined
    if (!pattern) throw invalid(`there is no parameter ${name}`)
    if (!pattern.test(value)) throw invalid(`the ${name} parameter is not valid`)
  }
  const { tick = '1s' } = parameters
  const [count, percent, rate] = [parameters.count, parameters.percent, parameters.rate].map(
    (text) => Number(text ?? 0),
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

/** An order that is none. */
export const invalid = (message: string): OrderError => new OrderError('ORDER_INVALID', message)

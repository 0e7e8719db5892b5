/** What so many callers cost one way of a command, for a while. */
import type { Child } from '#loadtest/bench/child.ts'
import { cpuSeconds, writeCalls } from '#loadtest/bench/counters.ts'
import { COMMAND, type CommandPath } from './command-paths.ts'
import type { Called, CallersOrder } from './http-callers.ts'

/** Above this share of a core the callers may be what is slow. */
const OWN_CORE_MAX = 0.8

/** How long a warm-up takes: the engine's compilers are done with what is hot. */
export const WARM_MS = 2_000

/** One measurement. */
export interface CallsCost {
  /** Over all processes of the way, milliseconds of processor time for each request. */
  cpuMs: number
  httpMs: number
  socketsMs: number
  natsMs: number
  /** Writes that each asked of the kernel for each request. */
  httpWrites: number
  socketsWrites: number
  p50Ms: number
  p99Ms: number
  perSecond: number
  /** Why it counts for nothing. */
  invalid: string | undefined
}

/** Which requests, how many at once, for how long, and what they must come to. */
export type CallsOptions = Pick<CallersOrder, 'heads' | 'inFlight' | 'ms' | 'status'>

/** Measures. */
export async function measureCalls(
  callers: Child,
  { port, pids }: CommandPath,
  options: CallsOptions,
): Promise<CallsCost> {
  const look = () => ({
    http: cpuSeconds([pids.http]),
    sockets: cpuSeconds([pids.sockets]),
    nats: cpuSeconds([pids.nats]),
    httpWrites: writeCalls(pids.http),
    socketsWrites: writeCalls(pids.sockets),
  })
  const before = look()
  const order: CallersOrder = { ...options, port, body: COMMAND }
  const called = await callers.ask<Called>(order)
  const after = look()
  const each = (part: keyof typeof before): number => (after[part] - before[part]) / called.count
  const [httpMs, socketsMs, natsMs] = [each('http'), each('sockets'), each('nats')].map(
    (seconds) => seconds * 1_000,
  ) as [number, number, number]
  return {
    cpuMs: httpMs + socketsMs + natsMs,
    httpMs,
    socketsMs,
    natsMs,
    httpWrites: each('httpWrites'),
    socketsWrites: each('socketsWrites'),
    p50Ms: called.p50Ms,
    p99Ms: called.p99Ms,
    perSecond: called.count / called.seconds,
    invalid: invalidity(called, options),
  }
}

function invalidity({ failures, ownCore }: Called, { status }: CallsOptions): string | undefined {
  if (failures > 0) return `${failures} answers were not ${status}`
  if (ownCore <= OWN_CORE_MAX) return undefined
  return `the callers used ${Math.round(ownCore * 100)} % of a core`
}

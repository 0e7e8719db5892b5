/**
 * What a command costs from caller to device and back, with 1, 16 and 64 under way, beside the bare
 * loop of the same dependencies: `node:http` → NATS publish with reply → `ws` and back.
 */
import { startChild, type Child } from '#loadtest/bench/child.ts'
import {
  startBarePath,
  startFabricPath,
  type CommandPath,
} from '#loadtest/bench/load/command-paths.ts'
import { measureCalls, WARM_MS, type CallsCost } from '#loadtest/bench/load/measure-calls.ts'
import type { Figure, Goal, Outcome, Scenario } from '#loadtest/bench/scenario.ts'
import { median } from '#loadtest/bench/statistics.ts'

/** Each with how many times the bare loop's processor time it may take. */
const LEVELS = [
  { inFlight: 1, cpuMax: 1.5 },
  { inFlight: 16, cpuMax: 2 },
  { inFlight: 64, cpuMax: 2 },
] as const

/** Of the bare loop's, for p50 and p99 alike. */
const LATENCY_MAX = 2

/** What a Bearer token may cost, of Basic. */
const BEARER_MAX = 1.1
const BEARER_IN_FLIGHT = 16

const ROUNDS = 3
const MS = 3_000

/** Of one number of commands under way, a value for each round. */
interface Level {
  inFlight: number
  cpuMax: number
  bare: CallsCost[]
  fabric: CallsCost[]
}

/** The scenario `commands`. */
export const scenario: Scenario = {
  about: 'a command to a device and its answer, beside node:http → NATS → ws and back',
  run,
}

async function run(say: (progress: string) => void): Promise<Outcome> {
  await using callers = startChild('loadtest/bench/load/http-callers.ts')
  await using bare = await startBarePath()
  await using fabric = await startFabricPath()
  const levels: Level[] = LEVELS.map((level) => ({ ...level, bare: [], fabric: [] }))
  const bearer: CallsCost[] = []
  say('warming up')
  for (const path of [bare, fabric]) await measure(callers, path, 16, WARM_MS)
  for (let round = 1; round <= ROUNDS; round += 1) {
    say(`round ${round} of ${ROUNDS}`)
    for (const level of levels) {
      level.bare.push(await measure(callers, bare, level.inFlight, MS))
      level.fabric.push(await measure(callers, fabric, level.inFlight, MS))
    }
    bearer.push(await measure(callers, fabric, BEARER_IN_FLIGHT, MS, 'bearer'))
  }
  const basic = levels.find(({ inFlight }) => inFlight === BEARER_IN_FLIGHT)?.fabric ?? []
  const costs = [...levels.flatMap((level) => [...level.bare, ...level.fabric]), ...bearer]
  const invalid = costs.find((cost) => cost.invalid !== undefined)?.invalid
  return {
    figures: [...levels.flatMap(figuresOf), figure('Bearer, 16 at once: CPU', bearer, 'cpuMs')],
    goals: [
      ...levels.flatMap(goalsOf),
      goal('CPU of a command with Bearer, of Basic', ratios(bearer, basic, 'cpuMs'), BEARER_MAX),
    ],
    ...(invalid !== undefined && { invalid }),
  }
}

const measure = (
  callers: Child,
  path: CommandPath,
  inFlight: number,
  ms: number,
  credential: 'basic' | 'bearer' = 'basic',
): Promise<CallsCost> =>
  measureCalls(callers, path, { heads: path.heads(credential), inFlight, ms, status: 200 })

type Measured = Exclude<keyof CallsCost, 'invalid'>

const figure = (what: string, costs: readonly CallsCost[], of: Measured, unit = 'ms'): Figure => ({
  what,
  unit,
  values: costs.map((cost) => cost[of]),
})

function figuresOf({ inFlight, bare, fabric }: Level): Figure[] {
  const both = (what: string, of: Measured, unit?: string): Figure[] => [
    figure(`${inFlight} at once, bare: ${what}`, bare, of, unit),
    figure(`${inFlight} at once, fabric: ${what}`, fabric, of, unit),
  ]
  return [
    ...both('CPU', 'cpuMs'),
    ...both('CPU of HTTP (Scytale)', 'httpMs'),
    ...both('CPU of websockets (Talaria)', 'socketsMs'),
    ...both('CPU of nats-server', 'natsMs'),
    ...both('writes of HTTP (Scytale)', 'httpWrites', ''),
    ...both('writes of websockets (Talaria)', 'socketsWrites', ''),
    ...both('p50', 'p50Ms'),
    ...both('p99', 'p99Ms'),
    ...both('rate', 'perSecond', '/s'),
  ]
}

/** Round by round, as both of one round had the same machine. */
const ratios = (of: readonly CallsCost[], to: readonly CallsCost[], what: Measured): number[] =>
  of.map((cost, round) => cost[what] / (to[round]?.[what] ?? Number.NaN))

const goal = (what: string, values: readonly number[], limit: number): Goal => ({
  what,
  measured: median(values),
  is: 'at most',
  limit,
})

function goalsOf({ inFlight, cpuMax, bare, fabric }: Level): Goal[] {
  const of = (what: string, key: Measured, limit: number): Goal =>
    goal(`${what} of a command, ${inFlight} at once, of bare`, ratios(fabric, bare, key), limit)
  return [
    of('CPU', 'cpuMs', cpuMax),
    of('p50', 'p50Ms', LATENCY_MAX),
    of('p99', 'p99Ms', LATENCY_MAX),
  ]
}

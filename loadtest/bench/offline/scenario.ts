/** What a 404 costs for a device that nobody holds, beside a bare HTTP → no responder loop. */
import { startChild } from '#loadtest/bench/child.ts'
import { startBarePath, startFabricPath } from '#loadtest/bench/load/command-paths.ts'
import { measureCalls, WARM_MS, type CallsCost } from '#loadtest/bench/load/measure-calls.ts'
import type { Figure, Goal, Outcome, Scenario } from '#loadtest/bench/scenario.ts'
import { median } from '#loadtest/bench/statistics.ts'

const AT_ONCE = [1, 16] as const

/** Times the bare loop's: the pings of all Talarias are in it (ADR 19), and the credential. */
const CPU_MAX = 2

const ROUNDS = 5
const MS = 3_000

/** The scenario `offline`. */
export const scenario: Scenario = {
  about: 'a 404 for a device that nobody holds, beside a bare HTTP → no responder loop',
  run,
}

async function run(say: (progress: string) => void): Promise<Outcome> {
  await using callers = startChild('loadtest/bench/load/http-callers.ts')
  await using bare = await startBarePath()
  await using fabric = await startFabricPath()
  const levels = AT_ONCE.map((inFlight) => ({
    inFlight,
    bare: [] as CallsCost[],
    fabric: [] as CallsCost[],
  }))
  const measure = (path: typeof bare, inFlight: number, ms: number): Promise<CallsCost> =>
    measureCalls(callers, path, { heads: path.offlineHeads, inFlight, ms, status: 404 })
  say('warming up')
  for (const path of [bare, fabric]) await measure(path, 16, WARM_MS)
  for (let round = 1; round <= ROUNDS; round += 1) {
    say(`round ${round} of ${ROUNDS}`)
    for (const level of levels) {
      level.bare.push(await measure(bare, level.inFlight, MS))
      level.fabric.push(await measure(fabric, level.inFlight, MS))
    }
  }
  const invalid = levels
    .flatMap((level) => [...level.bare, ...level.fabric])
    .find((cost) => cost.invalid !== undefined)?.invalid
  return {
    figures: levels.flatMap(figuresOf),
    goals: levels.map(goalOf),
    ...(invalid !== undefined && { invalid }),
  }
}

interface Level {
  inFlight: number
  bare: CallsCost[]
  fabric: CallsCost[]
}

const figuresOf = ({ inFlight, bare, fabric }: Level): Figure[] =>
  [
    { name: 'bare', costs: bare },
    { name: 'fabric', costs: fabric },
  ].flatMap(({ name, costs }): Figure[] => [
    { what: `${inFlight} at once, ${name}: CPU`, unit: 'ms', values: costs.map((c) => c.cpuMs) },
    { what: `${inFlight} at once, ${name}: p50`, unit: 'ms', values: costs.map((c) => c.p50Ms) },
    {
      what: `${inFlight} at once, ${name}: rate`,
      unit: '/s',
      values: costs.map((c) => c.perSecond),
    },
  ])

const goalOf = ({ inFlight, bare, fabric }: Level): Goal => ({
  what: `CPU of a 404, ${inFlight} at once, of bare`,
  measured: median(fabric.map(({ cpuMs }, round) => cpuMs / (bare[round]?.cpuMs ?? Number.NaN))),
  is: 'at most',
  limit: CPU_MAX,
})

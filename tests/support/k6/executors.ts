/** k6's executors, as far as the scripts use them: who runs how many iterations when. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Vu } from './vu.ts'

/** A scenario of a script's options. */
export interface Scenario {
  executor: string
  exec: string
  startTime?: string
  vus?: number
  iterations?: number
  maxDuration?: string
  duration?: string
  rate?: number
  timeUnit?: string
  preAllocatedVUs?: number
}

/** A VU with the script in it. */
export interface Runner {
  readonly vu: Vu
  /** Runs the scenario's function once and resolves when the iteration is over, however. */
  iterate(): Promise<void>
}

/** What {@link runScenario} needs. */
export interface ScenarioOptions {
  name: string
  scenario: Scenario
  createRunner: () => Promise<Runner>
  onDropped: () => void
}

/** k6's durations as these scripts write them: `1500ms`, `1s`. */
function msOf(duration: string | undefined, fallback: number): number {
  if (duration === undefined) return fallback
  const [, number, unit] = duration.match(/^(\d+)(ms|s)$/) ?? []
  if (number === undefined) throw new Error(`the stand-in knows no duration ${duration}`)
  return Number(number) * (unit === 's' ? 1_000 : 1)
}

/** Runs a scenario to its end. @throws for an executor that is not stood in for. */
export async function runScenario(options: ScenarioOptions): Promise<void> {
  const { name, scenario, createRunner } = options
  const count = scenario.vus ?? scenario.preAllocatedVUs ?? 1
  const runners: Runner[] = []
  for (let index = 0; index < count; index += 1) runners.push(await createRunner())
  await sleep(msOf(scenario.startTime, 0))
  const state = { name, startTime: Date.now() }
  let iterationCount = 0
  const iterate = (runner: Runner): Promise<void> => {
    runner.vu.scenario = state
    runner.vu.iterationInTest = iterationCount
    iterationCount += 1
    return runner.iterate()
  }
  switch (scenario.executor) {
    case 'per-vu-iterations':
      return perVuIterations(scenario, runners, iterate)
    case 'constant-arrival-rate':
      return constantArrivalRate(options, runners, iterate)
    default:
      throw new Error(`the executor ${scenario.executor} is not stood in for`)
  }
}

/** @throws when it takes longer than `maxDuration`; k6 would break the iterations off. */
async function perVuIterations(
  { iterations = 1, maxDuration }: Scenario,
  runners: readonly Runner[],
  iterate: (runner: Runner) => Promise<void>,
): Promise<void> {
  const run = Promise.all(
    runners.map(async (runner) => {
      for (let index = 0; index < iterations; index += 1) await iterate(runner)
    }),
  )
  const limit = new AbortController()
  const late = sleep(msOf(maxDuration, 600_000), true, { signal: limit.signal })
  if (await Promise.race([run.then(() => false), late])) throw new Error('over maxDuration')
  limit.abort()
  await late.catch(() => {})
}

async function constantArrivalRate(
  { scenario: { duration, rate = 1, timeUnit }, onDropped }: ScenarioOptions,
  runners: Runner[],
  iterate: (runner: Runner) => Promise<void>,
): Promise<void> {
  const everyMs = msOf(timeUnit, 1_000) / rate
  const startedAt = performance.now()
  const running = new Set<Promise<void>>()
  for (let due = 0; due < msOf(duration, 0); due += everyMs) {
    await sleep(Math.max(0, startedAt + due - performance.now()))
    const runner = runners.pop()
    if (!runner) {
      onDropped()
      continue
    }
    const iteration = iterate(runner).then(() => {
      running.delete(iteration)
      runners.push(runner)
    })
    running.add(iteration)
  }
  await Promise.all(running)
}

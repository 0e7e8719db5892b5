/** One run of a script, as `k6 run` does it: load, set up, scenarios, thresholds, summary. */
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { runScenario, type Runner, type Scenario } from './executors.ts'
import { Metrics, valuesOf } from './metrics.ts'
import { loadScript, ScriptError, type ScriptExports } from './script.ts'
import { isKept } from './thresholds.ts'
import { Vu } from './vu.ts'

/** k6's exit codes. */
export const EXIT = {
  thresholdsBroken: 99,
  invalidConfiguration: 104,
  scriptException: 107,
} as const

interface Options {
  scenarios: Record<string, Scenario>
  summaryTrendStats: string[]
  thresholds: Record<string, string[]>
}

/** Runs a script and resolves with the exit code. @throws {ScriptError} when it cannot be run. */
export async function runTest(
  script: string,
  environment: Readonly<Record<string, string>>,
): Promise<number> {
  const file = resolve(script)
  const metrics = new Metrics()
  let vuCount = 0
  const load = async (): Promise<{ vu: Vu; exports: ScriptExports }> => {
    const vu = new Vu(vuCount)
    vuCount += 1
    return { vu, exports: await loadScript(file, environment, vu, metrics) }
  }
  const failed = (error: unknown): never => {
    throw new ScriptError(EXIT.scriptException, String(error), { cause: error })
  }
  const first = await load().catch(failed)
  const options = first.exports.options as Options
  for (const name of Object.keys(options.thresholds)) {
    if (!metrics.get(name)) {
      throw new ScriptError(
        EXIT.invalidConfiguration,
        `a threshold is set on ${name}, which is none`,
      )
    }
  }
  const startedAt = performance.now()
  await callOnce(first, 'setup').catch(failed)
  await Promise.all(
    Object.entries(options.scenarios).map(([name, scenario]) =>
      runScenario({
        name,
        scenario,
        createRunner: async () => runnerOf(await load(), scenario.exec, metrics),
        onDropped: () => metrics.add('dropped_iterations', 1),
      }),
    ),
  )
  const durationMs = performance.now() - startedAt
  const { data, isBroken } = judge(metrics, options, durationMs)
  await summarise(await load(), data)
  return isBroken ? EXIT.thresholdsBroken : 0
}

async function callOnce(
  { vu, exports }: Awaited<{ vu: Vu; exports: ScriptExports }>,
  name: string,
) {
  const call = exports[name]
  if (typeof call === 'function') await vu.iterate(() => call() as unknown)
}

/** An exception ends the iteration and is told; the run goes on, as in k6. */
function runnerOf(
  { vu, exports }: { vu: Vu; exports: ScriptExports },
  exec: string,
  metrics: Metrics,
): Runner {
  const call = exports[exec]
  if (typeof call !== 'function') {
    throw new ScriptError(EXIT.invalidConfiguration, `the script exports no function ${exec}`)
  }
  return {
    vu,
    async iterate() {
      try {
        await vu.iterate(() => call() as unknown)
      } catch (error) {
        process.stderr.write(`ERRO ${error instanceof Error ? error.stack : String(error)}\n`)
      }
      metrics.add('iterations', 1)
    },
  }
}

function judge(metrics: Metrics, { thresholds, summaryTrendStats }: Options, durationMs: number) {
  const seconds = durationMs / 1_000
  let isBroken = false
  const judged: Record<string, unknown> = {}
  for (const [name, metric] of metrics.all()) {
    const rules = thresholds[name] ?? []
    if (metric.samples.length === 0 && rules.length === 0) continue
    const kept = rules.map((rule) => [rule, { ok: isKept(rule, metric, seconds) }] as const)
    isBroken ||= kept.some(([, { ok }]) => !ok)
    judged[name] = {
      type: metric.type,
      values: valuesOf(metric, summaryTrendStats, seconds),
      ...(kept.length > 0 && { thresholds: Object.fromEntries(kept) }),
    }
  }
  return { data: { metrics: judged, state: { testRunDurationMs: durationMs } }, isBroken }
}

/** Writes what `handleSummary` makes: `stdout`, and files by their names. */
async function summarise({ exports }: { exports: ScriptExports }, data: unknown): Promise<void> {
  const handle = exports.handleSummary as (data: unknown) => Record<string, string>
  for (const [where, text] of Object.entries(handle(data))) {
    if (where === 'stdout') process.stdout.write(text)
    else writeFileSync(where, text)
  }
}

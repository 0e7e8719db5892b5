/** A real Prometheus, where the machine has one: it scrapes what a test started and answers PromQL. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { eventually } from './eventually.ts'
import { freePort } from './free-ports.ts'

/** Whether there is one on this machine. */
export const HAS_PROMETHEUS = spawnSync('prometheus', ['--version']).status === 0

/** Long enough for its own start, which replays nothing. */
const START_MS = 15_000

/** One series and its value at the moment of the question. */
export interface Sample {
  metric: Readonly<Record<string, string>>
  value: [time: number, value: string]
}

/** A rule as Prometheus sees it. */
export interface RuleState {
  name: string
  health: string
  lastError?: string
}

/** A running Prometheus. Disposing it ends it and removes its files. */
export interface Prometheus extends AsyncDisposable {
  /** @throws an Error with what Prometheus says of the expression. */
  query(expression: string): Promise<Sample[]>
  rules(): Promise<RuleState[]>
  /** Alerts that fire or will if nothing changes. */
  alerts(): Promise<{ labels: Record<string, string>; state: string }[]>
}

/** What {@link startPrometheus} needs. */
export interface PrometheusOptions {
  /** By job: the URLs of operations ports. */
  targets: Readonly<Record<string, readonly string[]>>
  rulesFile: string
  /** Between two scrapes; rules are evaluated as often. */
  intervalMs: number
}

/** Starts one on loopback; resolves once it answers. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'xmidt-prometheus-'))
  const interval = `${options.intervalMs}ms`
  const configuration = {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: [resolve(options.rulesFile)],
    scrape_configs: Object.entries(options.targets).map(([job, urls]) => ({
      job_name: job,
      static_configs: [{ targets: urls.map((url) => new URL(url).host) }],
    })),
  }
  const file = join(directory, 'prometheus.yml')
  writeFileSync(file, stringify(configuration))
  // It does not tell which port it took, so it is given one.
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(
    'prometheus',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=${address}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let words = ''
  child.stderr.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-2_000)))
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
    rmSync(directory, { recursive: true, force: true })
  }
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://${address}/api/v1/${path}`)
    const answer = (await response.json()) as { status: string; error?: string; data: unknown }
    if (answer.status !== 'success') throw new Error(answer.error)
    return answer.data
  }
  try {
    await eventually(
      async () => {
        if (child.exitCode !== null) throw new Error(`prometheus ended: ${words}`)
        await ask('status/runtimeinfo')
      },
      { withinMs: START_MS },
    )
  } catch (error) {
    await stop()
    throw error
  }
  return {
    async query(expression) {
      const data = await ask(`query?query=${encodeURIComponent(expression)}`)
      return (data as { result: Sample[] }).result
    },
    async rules() {
      const { groups } = (await ask('rules')) as { groups: { rules: RuleState[] }[] }
      return groups.flatMap(({ rules }) => rules)
    },
    async alerts() {
      return ((await ask('alerts')) as { alerts: Awaited<ReturnType<Prometheus['alerts']>> }).alerts
    },
    [Symbol.asyncDispose]: stop,
  }
}

/** What belongs to the process and not to an app: one set, told on the page of each app in it. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'

/** Those of prom-client's that begin to count when they are made, and not when the process does. */
const REPLACED = [
  'process_cpu_user_seconds_total',
  'process_cpu_system_seconds_total',
  'process_cpu_seconds_total',
  'process_start_time_seconds',
]

let registry: Registry | undefined

/** The page, in Prometheus' text form. */
export function processPage(): Promise<string> {
  // Made at the first look and not at import: it observes the event loop for the process' life.
  registry ??= createProcessRegistry()
  return registry.metrics()
}

function createProcessRegistry(): Registry {
  const made = new Registry()
  collectDefaultMetrics({ register: made })
  for (const name of REPLACED) made.removeSingleMetric(name)
  const cpu = (name: string, help: string, micros: (usage: NodeJS.CpuUsage) => number): void => {
    const counter = new Counter({
      name,
      help,
      registers: [made],
      collect() {
        counter.reset()
        counter.inc(micros(process.cpuUsage()) / 1e6)
      },
    })
  }
  cpu(
    'process_cpu_seconds_total',
    'CPU time of the process since its start, in user and system.',
    ({ user, system }) => user + system,
  )
  cpu('process_cpu_user_seconds_total', 'The part of it in user.', ({ user }) => user)
  cpu('process_cpu_system_seconds_total', 'The part of it in system.', ({ system }) => system)
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'When the process started, in seconds since 1970.',
    registers: [made],
  }).set(Date.now() / 1_000 - process.uptime())
  return made
}

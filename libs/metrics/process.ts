/** What belongs to the process and not to an app: one set, told on the page of each app in it. */
import { collectDefaultMetrics, Registry } from 'prom-client'

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
  return made
}

/**
 * The metrics of one app, and the page that shows them. Each app has a registry of its own, so
 * that several run in one process; what belongs to the process is kept apart and told once.
 */
import { collectDefaultMetrics, Registry } from 'prom-client'

export type { Registry } from 'prom-client'

let processRegistry: Registry | undefined

/** An empty registry for one app. */
export function createRegistry(): Registry {
  return new Registry()
}

/** The page of `registry` in Prometheus' text form, with the process' own metrics below it. */
export async function metricsPage(registry: Registry): Promise<string> {
  if (!processRegistry) {
    // Made at the first look and not at import: it observes the event loop for the process' life.
    processRegistry = new Registry()
    collectDefaultMetrics({ register: processRegistry })
  }
  return `${await registry.metrics()}\n${await processRegistry.metrics()}`
}

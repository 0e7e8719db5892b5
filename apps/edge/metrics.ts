/** Everything that Edge counts. */
import { createFaultsCounter } from '#libs/lifecycle/faults.ts'
import { createRegistry } from '#libs/metrics/registry.ts'

/** Fresh metrics in a registry of their own. */
export function createMetrics() {
  const registry = createRegistry('edge')
  return {
    registry,
    faults: createFaultsCounter(registry, ['connection']),
    connections: registry.gauge('connections', 'Connections that are carried at this moment.'),
    carried: registry.counter(
      'connections_carried_total',
      'Connections that were carried to a container.',
    ),
    refused: registry.counter(
      'connections_refused_total',
      'Connections that were closed at once: there are too many, or nobody accepts behind.',
      { reason: ['full', 'unreachable'] },
    ),
  }
}

/** The connections of an app to NATS as metrics, the same in every app. */
import type { AppRegistry } from '#libs/metrics/registry.ts'
import type { Nats } from './connect.ts'

/** Shows connections. */
export interface ConnectionMetrics<N extends string> {
  /** Shows `nats` as `name`, until it is disposed. */
  watch(name: N, nats: Nats): void
}

/** @param names of the connections, as nats-server lists them. */
export function createConnectionMetrics<const N extends string>(
  registry: AppRegistry,
  names: readonly N[],
): ConnectionMetrics<N> {
  const labels: { connection: readonly string[] } = { connection: names }
  const connected = registry.gauge('nats_connected', '1 while connected to NATS.', labels)
  const refused = registry.counter(
    'nats_refused_total',
    'What nats-server refused: as a rule a subject that the user has no permission for.',
    labels,
  )
  return {
    watch(connection, nats) {
      const show = (isConnected: boolean): void =>
        connected.set({ connection }, isConnected ? 1 : 0)
      show(nats.isConnected)
      nats.onConnectedChange(show)
      nats.onRefused(() => refused.inc({ connection }))
    },
  }
}

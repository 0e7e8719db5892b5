/** The servers of the cluster, as they are called in `nats/production` and in compose.yaml. */
export const NATS_SERVERS = ['nats-1', 'nats-2', 'nats-3'] as const

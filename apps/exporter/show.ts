/** Turns servers' answers into metrics, all at once: nobody sees half of a round. */
import type { ConsumerAnswer, ServerAnswers, StreamAnswer } from './answers.ts'
import type { ExporterMetrics } from './metrics.ts'

/** Each server that was asked, by its host; undefined when it did not answer. */
export type Round = ReadonlyMap<string, ServerAnswers | undefined>

/** Shows `round` in the place of the round before; what is gone is shown no more. */
export function show(round: Round, metrics: ExporterMetrics): void {
  const { registry: _, ...all } = metrics
  for (const metric of Object.values(all)) metric.reset()
  for (const [server, answers] of round) {
    metrics.up.set({ server }, answers ? 1 : 0)
    if (!answers) continue
    metrics.refusesWrites.set({ server }, answers.refusesWrites ? 1 : 0)
    showServer(server, answers, metrics)
    for (const stream of answers.jsz.account_details?.flatMap((each) => each.stream_detail ?? []) ??
      []) {
      showStream(stream, answers.varz.server_name, metrics)
    }
  }
}

function showServer(server: string, { varz }: ServerAnswers, metrics: ExporterMetrics): void {
  metrics.started.set({ server }, secondsOf(varz.start))
  metrics.cpu.set({ server }, varz.cpu / 100)
  metrics.memory.set({ server }, varz.mem)
  metrics.connections.set({ server }, varz.connections)
  metrics.connectionsMax.set({ server }, varz.max_connections)
  metrics.subscriptions.set({ server }, varz.subscriptions)
  metrics.routes.set({ server }, varz.routes)
  metrics.slowConsumers.inc({ server }, varz.slow_consumers)
  metrics.messages.inc({ server, direction: 'in' }, varz.in_msgs)
  metrics.messages.inc({ server, direction: 'out' }, varz.out_msgs)
  metrics.bytes.inc({ server, direction: 'in' }, varz.in_bytes)
  metrics.bytes.inc({ server, direction: 'out' }, varz.out_bytes)
  if (varz.tls_cert_not_after) {
    metrics.certificateExpiry.set({ server }, secondsOf(varz.tls_cert_not_after))
  }
  const { config, stats } = varz.jetstream
  if (!config || !stats) return
  metrics.storage.set({ server }, stats.storage)
  metrics.storageMax.set({ server }, config.max_storage)
  metrics.apiRequests.inc({ server }, stats.api.total)
  metrics.apiErrors.inc({ server }, stats.api.errors)
}

/** Every server with a replica tells of a stream; only its leader knows all. */
const isLedBy = ({ cluster }: StreamAnswer | ConsumerAnswer, name: string): boolean =>
  cluster?.leader === undefined ? cluster === undefined : cluster.leader === name

function showStream(answer: StreamAnswer, serverName: string, metrics: ExporterMetrics): void {
  const { name: stream, config, state, cluster } = answer
  for (const consumer of answer.consumer_detail ?? []) {
    showConsumer(stream, consumer, serverName, metrics)
  }
  if (!isLedBy(answer, serverName)) return
  metrics.streamMessages.set({ stream }, state.messages)
  metrics.streamBytes.set({ stream }, state.bytes)
  metrics.streamFirst.set({ stream }, state.first_seq)
  metrics.streamLast.set({ stream }, state.last_seq)
  metrics.streamConsumers.set({ stream }, state.consumer_count)
  const behind = cluster?.replicas?.filter(({ current, offline }) => !current || offline) ?? []
  metrics.streamReplicasBehind.set({ stream }, behind.length)
  if (config.max_bytes > 0) metrics.streamBytesMax.set({ stream }, config.max_bytes)
  if (config.max_age > 0) metrics.streamAgeMax.set({ stream }, config.max_age / 1e9)
  if (state.messages > 0) metrics.streamOldest.set({ stream }, secondsOf(state.first_ts))
}

function showConsumer(
  stream: string,
  answer: ConsumerAnswer,
  serverName: string,
  metrics: ExporterMetrics,
): void {
  // Those of watchers come and go with names of chance: as labels they would have no bound.
  const consumer = answer.config?.durable_name
  if (!consumer || !isLedBy(answer, serverName)) {
    return
  }
  metrics.consumerPending.set({ stream, consumer }, answer.num_pending)
  metrics.consumerAckPending.set({ stream, consumer }, answer.num_ack_pending)
  metrics.consumerRedelivered.set({ stream, consumer }, answer.num_redelivered)
  metrics.consumerAckFloor.set({ stream, consumer }, answer.ack_floor.stream_seq)
}

const secondsOf = (time: string): number => Date.parse(time) / 1_000

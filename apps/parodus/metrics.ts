/** All metrics of Parodus. */
import { Counter, Gauge } from 'prom-client'
import type { Registry } from '#libs/metrics/registry.ts'

/** The metrics, made once for each registry. */
export function parodusMetrics(registry: Registry) {
  const registers = [registry]
  const counter = <const L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter({ name, help, labelNames, registers })
  return {
    isConnected: new Gauge({
      name: 'parodus_connected',
      help: '1 while connected to a Talaria.',
      registers,
    }),
    connects: counter(
      'parodus_connects_total',
      'Attempts to connect, by outcome: connected, refused, failed, credential.',
      ['outcome'],
    ),
    disconnects: counter(
      'parodus_disconnects_total',
      'Connections that ended, by reason: closed, ping-missed, stopped.',
      ['reason'],
    ),
    sent: counter('parodus_messages_sent_total', 'Messages sent to the fabric.'),
    received: counter(
      'parodus_messages_received_total',
      'Messages of the fabric, by outcome: delivered, answered, undelivered, malformed.',
      ['outcome'],
    ),
    local: counter(
      'parodus_local_messages_total',
      'Messages of local services, by outcome: taken, registered, malformed, ignored, fault.',
      ['outcome'],
    ),
    dropped: counter(
      'parodus_messages_dropped_total',
      'Messages that never reached the fabric, by reason: queue-full, expired, offline, too-large.',
      ['reason'],
    ),
    queued: new Gauge({
      name: 'parodus_messages_queued',
      help: 'Messages that wait for the fabric or its acknowledgement.',
      registers,
    }),
    services: new Gauge({
      name: 'parodus_services',
      help: 'Local services that are registered.',
      registers,
    }),
  }
}

/** What {@link parodusMetrics} makes. */
export type ParodusMetrics = ReturnType<typeof parodusMetrics>

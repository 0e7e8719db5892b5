/** Publishes events of the size that devices send, and tells what that took. */
import { jetstream } from '@nats-io/jetstream'
import { cpuSeconds } from '#loadtest/bench/counters.ts'
import type { Servers } from './servers.ts'

/** What a stamped event of a device has. */
const PAYLOAD = new Uint8Array(500).fill(0x61)

/** A Talaria has many events under way at once. */
const IN_FLIGHT = 64

/** What one round took. */
export interface Round {
  /** Acknowledged events in a second, {@link IN_FLIGHT} under way. */
  rate: number
  /** Processor time of all servers for one event, in microseconds. */
  cpuMicroseconds: number
  /** One event at a time: how long until its acknowledgement, in milliseconds. */
  alone: number[]
}

/** One round of `ms` at full speed and as long again one by one. */
export async function publishFor(servers: Servers, ms: number, label: string): Promise<Round> {
  const jetStream = jetstream(servers.connection)
  let count = 0
  const publish = (): Promise<unknown> => {
    count += 1
    const subject = `xmidt.event.${count % 16}.bench.mac_${(count % 1_000).toString(16).padStart(12, '0')}`
    return jetStream.publish(subject, PAYLOAD, { msgID: `${label}-${count}` })
  }
  const cpuBefore = cpuSeconds(servers.pids)
  const startedAt = performance.now()
  const until = startedAt + ms
  const worker = async (): Promise<void> => {
    while (performance.now() < until) await publish()
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  const seconds = (performance.now() - startedAt) / 1_000
  const cpu = cpuSeconds(servers.pids)
  const published = count
  const alone: number[] = []
  const aloneUntil = performance.now() + ms
  while (performance.now() < aloneUntil) {
    const sentAt = performance.now()
    await publish()
    alone.push(performance.now() - sentAt)
  }
  return {
    rate: published / seconds,
    cpuMicroseconds: ((cpu - cpuBefore) * 1e6) / published,
    alone,
  }
}

/** One case: so many events to so many webhooks, and what that took. */
import { cpuSeconds } from '#loadtest/bench/counters.ts'
import type { PublisherOrder } from './publisher.ts'
import type { Received } from './receiver.ts'
import type { Load, Side } from './rig.ts'

/** After this deliveries that have not come are missed, and the measurement fails. */
const WITHIN_MS = 40_000

/** What is published. */
export interface Amount {
  webhookCount: number
  events: number
  /** Events a second; absent for as fast as it goes. */
  perSecond?: number
}

/** What it took. */
export interface Cost {
  /** Processor time of a delivery, in milliseconds. */
  cpuMs: number
  natsCpuMs: number
  perSecond: number
  p50Ms: number
  p99Ms: number
  /** Of one core, what receivers and publisher took. */
  receiverShare: number
  publisherShare: number
}

/** @throws when not every webhook got every event. */
export async function measure(load: Load, side: Side, amount: Amount): Promise<Cost> {
  const { webhookCount, events, perSecond } = amount
  const count = events * webhookCount
  const { receiver, publisher } = load
  const look = () =>
    [side.pids.delivery, side.pids.nats, receiver.pid, publisher.pid].map((pid) =>
      cpuSeconds([pid]),
    )
  await receiver.ask({ act: 'begin' })
  const before = look()
  const order: PublisherOrder = { natsUrl: side.natsUrl, count: events }
  await publisher.ask({ ...order, ...(perSecond !== undefined && { perSecond }) })
  const received = await receiver.ask<Received>({ act: 'await', count, withinMs: WITHIN_MS })
  const [delivery = 0, nats = 0, receiving = 0, publishing = 0] = look().map(
    (seconds, index) => seconds - (before[index] ?? 0),
  )
  if (received.count < count) throw new Error(`${received.count} of ${count} deliveries came`)
  return {
    cpuMs: ((delivery + nats) / count) * 1_000,
    natsCpuMs: (nats / count) * 1_000,
    perSecond: count / received.seconds,
    p50Ms: received.p50Ms,
    p99Ms: received.p99Ms,
    receiverShare: receiving / received.seconds,
    publisherShare: publishing / received.seconds,
  }
}

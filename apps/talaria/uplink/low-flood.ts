/**
 * Says which devices flood EVENTS_LOW, where the oldest events of all others go for what comes: a
 * line at once when it begins and then one a minute, of the worst. Only those can be told apart that
 * send much, so a bounded number of devices is remembered; what is said of each is "at least".
 */
import type { TalariaFaults, TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { Logger } from '#libs/log/logger.ts'

/** Between two lines, and for so long a device's bytes are added up. */
const WINDOW_MS = 60_000

/** In a minute: one device alone would fill the 1 GiB of EVENTS_LOW within the six hours that it keeps. */
const FLOOD_BYTES = (1_024 * 1_024 * 1_024) / (6 * 60)

/** What an event costs in the stream besides its payload: subject, headers, and the stream's own. */
const EVENT_OVERHEAD_BYTES = 500

/** So many devices are counted at once; over it those with the least are forgotten. */
const COUNTED_MAX = 1_000

/** So many are left then. */
const KEPT_MAX = 100

/** So many are named in a line. */
const NAMED_MAX = 5

/** Counts until disposed. */
export interface LowFlood extends Disposable {
  /** An event of low qos and so many bytes, which goes on. */
  count(deviceId: string, bytes: number): void
}

/** What {@link createLowFlood} needs. */
export interface LowFloodOptions {
  windowMs?: number
  metrics: Pick<TalariaMetrics, 'lowFloods'>
  faults: TalariaFaults
  log: Logger
}

interface Sender {
  deviceId: string
  count: number
  bytes: number
}

/** Nothing counted yet. */
export function createLowFlood(options: LowFloodOptions): LowFlood {
  const { windowMs = WINDOW_MS, metrics, faults, log } = options
  let senders = new Map<string, Sender>()
  let floodCount = 0
  let toldAt = -Infinity
  const worst = (max: number): Sender[] =>
    [...senders.values()].toSorted((one, other) => other.bytes - one.bytes).slice(0, max)
  const tell = (): void => {
    log.warn({ deviceCount: floodCount, worst: worst(NAMED_MAX) }, 'devices flood EVENTS_LOW')
    toldAt = performance.now()
  }
  const forget = (): void => {
    senders = new Map()
    floodCount = 0
  }
  const timer = setInterval(
    () =>
      faults.try('tick', () => {
        if (floodCount > 0) tell()
        forget()
      }),
    windowMs,
  )
  timer.unref()
  const senderOf = (deviceId: string): Sender => {
    const known = senders.get(deviceId)
    if (known) return known
    if (senders.size >= COUNTED_MAX) {
      senders = new Map(worst(KEPT_MAX).map((each) => [each.deviceId, each]))
    }
    const sender = { deviceId, count: 0, bytes: 0 }
    senders.set(deviceId, sender)
    return sender
  }
  return {
    count(deviceId, bytes) {
      const sender = senderOf(deviceId)
      const isKnown = sender.bytes >= FLOOD_BYTES
      sender.count += 1
      sender.bytes += bytes + EVENT_OVERHEAD_BYTES
      if (isKnown || sender.bytes < FLOOD_BYTES) return
      metrics.lowFloods.inc()
      floodCount += 1
      if (performance.now() - toldAt < windowMs) return
      tell()
      forget()
      // The next line is of a whole window, and a whole window later.
      timer.refresh()
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

/** All devices of a run, and the events that they send at a rate. */
import { nowMs } from '#loadtest/chaos/clock.ts'
import type { Fabric } from '#loadtest/chaos/fabric/fabric.ts'
import { wait } from '#libs/retry/wait.ts'
import { createDevice, type Device } from './device.ts'
import type { EventRecord, Records } from './records.ts'

/** So many tokens are asked for, and devices begin to connect, at once. */
const BATCH = 50

const CONNECT_MS = 60_000
const POLL_MS = 50

/** The types of a run's events; webhooks tell them apart. */
export const EVENT_TYPES = ['chaos-a', 'chaos-b'] as const

/** Of each level: unacknowledged, and each that is. */
const QOS = [0, 10, 30, 60, 80] as const

/** The id of the `index`-th device: a locally administered prefix, which no maker has. */
export const deviceIdOf = (index: number): string =>
  `mac:02c4a0${index.toString(16).padStart(6, '0')}`

/** Ids of devices that never connect. */
export const missingDeviceIdOf = (index: number): string =>
  `mac:02c4a1${index.toString(16).padStart(6, '0')}`

/** The devices. */
export interface Fleet {
  readonly devices: readonly Device[]
  readonly connectedCount: number
  /** Sends events until the signal aborts, `perSecond` in all. */
  sendEvents(perSecond: number, signal: AbortSignal): Promise<void>
  /** Closes all, and resolves once all have ended. */
  close(): Promise<void>
}

/** What {@link startFleet} needs. */
export interface FleetOptions {
  fabric: Fabric
  records: Records
  count: number
  random: (below: number) => number
  backoff?: { firstMs: number; maxMs: number }
}

/** Resolves once all are connected. @throws when they are not within a minute. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { fabric, records, count, random, backoff = { firstMs: 500, maxMs: 4_000 } } = options
  const names = new Map(fabric.talarias.map(({ url, name }) => [url, name]))
  const devices: Device[] = []
  for (let first = 0; first < count; first += BATCH) {
    const ids = Array.from({ length: Math.min(BATCH, count - first) }, (_, index) =>
      deviceIdOf(first + index),
    )
    const tokens = await Promise.all(ids.map((id) => fabric.deviceToken(id)))
    for (const [index, id] of ids.entries()) {
      devices.push(
        createDevice({
          id,
          token: tokens[index] ?? '',
          petasosUrl: fabric.petasos.url,
          talariaAt: (origin) => names.get(origin) ?? origin,
          records,
          backoff,
          random,
        }),
      )
    }
  }
  fabric.onEvent(({ name, role }, { what, atMs }) => {
    if (role !== 'talaria' || (what !== 'killed' && what !== 'fell')) return
    for (const device of devices) device.lost(name, atMs)
  })
  const fleet: Fleet = {
    devices,
    get connectedCount() {
      return devices.filter(({ connection }) => connection).length
    },
    async sendEvents(perSecond, signal) {
      let eventCount = 0
      await atRate(perSecond, signal, () => {
        const device = devices[random(devices.length)]
        if (!device?.connection) return
        eventCount += 1
        const event: EventRecord = {
          id: `event-${eventCount}`,
          device: device.id,
          type: EVENT_TYPES[random(EVENT_TYPES.length)] ?? EVENT_TYPES[0],
          qos: QOS[random(QOS.length)] ?? 0,
          sentAtMs: nowMs(),
          resent: [],
        }
        if (device.send(event)) records.events.set(event.id, event)
      })
    },
    async close() {
      await Promise.all(devices.map((device) => device.close()))
    },
  }
  const until = performance.now() + CONNECT_MS
  while (fleet.connectedCount < count) {
    if (performance.now() > until) {
      await fleet.close()
      throw new Error(`only ${fleet.connectedCount} of ${count} devices are connected`)
    }
    await wait(POLL_MS)
  }
  return fleet
}

/**
 * Calls `act` so often. What a short pause of the machine delayed is caught up; what a long one did is
 * left out, or the load after it would be an avalanche that pauses the machine again.
 */
export async function atRate(
  perSecond: number,
  signal: AbortSignal,
  act: () => void,
): Promise<void> {
  let owed = 0
  let lastAt = performance.now()
  while (await wait(TICK_MS, signal)) {
    const now = performance.now()
    owed += (Math.min(now - lastAt, CATCH_UP_MS) / 1_000) * perSecond
    lastAt = now
    for (; owed >= 1; owed -= 1) act()
  }
}

const TICK_MS = 20
const CATCH_UP_MS = 500

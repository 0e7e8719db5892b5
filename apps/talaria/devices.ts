/** The devices that are connected here, one connection for each id; and who of them has gone silent. */
import type { DeviceId } from '#libs/wrp/locator.ts'
import type { Device } from './device.ts'
import type { TalariaMetrics } from './metrics.ts'

/** How often the devices are looked at; a ping or an end is late by so much at most. */
const SWEEP_MS = 1_000

/** All devices of one Talaria. Disposing it stops the pings; closing is {@link file://./drain.ts}'s. */
export interface Devices extends Disposable {
  get(id: DeviceId): Device | undefined
  /** Enters a device; the one that was there under its id is returned and no longer in. */
  add(device: Device): Device | undefined
  /** Removes this very device, never another connection of the same id. */
  remove(device: Device): boolean
  all(): IterableIterator<Device>
  readonly count: number
}

/** What {@link createDevices} needs. */
export interface DevicesOptions {
  pingMs: number
  idleMs: number
  metrics: TalariaMetrics
}

/** An empty registry; it pings and ends the silent from now on. */
export function createDevices({ pingMs, idleMs, metrics }: DevicesOptions): Devices {
  const devices = new Map<DeviceId, Device>()
  // One timer for all: a timer for each of a million devices costs more than the look.
  const timer = setInterval(
    () => sweep(devices, { pingMs, idleMs, metrics }),
    Math.min(SWEEP_MS, pingMs),
  )
  return {
    get: (id) => devices.get(id),
    add(device) {
      const old = devices.get(device.id)
      devices.set(device.id, device)
      metrics.devices.set(devices.size)
      return old
    },
    remove(device) {
      const isThis = devices.get(device.id) === device && devices.delete(device.id)
      metrics.devices.set(devices.size)
      return isThis
    },
    all: () => devices.values(),
    get count() {
      return devices.size
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

function sweep(devices: Map<DeviceId, Device>, options: DevicesOptions): void {
  const now = performance.now()
  for (const device of devices.values()) {
    if (now - device.heardAt > options.idleMs) device.close('idle')
    else if (now - device.pingedAt >= options.pingMs) {
      device.ping()
      options.metrics.pings.inc()
    }
  }
}

/** The devices that this Talaria holds, one session each, and the one clock that they share. */
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import { wait } from '#libs/retry/wait.ts'
import type { DeviceId } from '#libs/wrp/locator.ts'
import type { Device } from './connection/device.ts'
import { pulseNow } from './connection/pulse.ts'

/** Devices closed or told in one go, so that pacing is no timer per device. */
const PACE_TICK_MS = 20

/** The registry. */
export interface Devices extends Disposable {
  readonly count: number
  get(id: DeviceId): Device | undefined
  /** Adds; whoever held the id before must have ended. */
  add(device: Device): void
  /** Removes this very session; false when the id is another's by now, or nobody's. */
  remove(device: Device): boolean
  all(): Device[]
}

/** An empty registry. All devices are looked at every `tickMs`: one timer instead of one for each. */
export function createDevices(metrics: TalariaMetrics, tickMs: number): Devices {
  const held = new Map<DeviceId, Device>()
  let lastTickAt = pulseNow()
  let now = lastTickAt
  // One for all: a closure for each device and tick would be most of what silent devices cost.
  let ticked: Device
  const tick = (): void => ticked.tick(now)
  const timer = setInterval(() => {
    now = pulseNow()
    const lateMs = now - lastTickAt - tickMs
    lastTickAt = now
    for (ticked of held.values()) {
      // This process stood still: what devices said meanwhile lies in their sockets unread.
      if (lateMs > tickMs) ticked.pardon(lateMs)
      ticked.guard('tick', tick)
    }
  }, tickMs)
  return {
    get count() {
      return held.size
    },
    get: (id) => held.get(id),
    add(device) {
      held.set(device.id, device)
      metrics.devices.set(held.size)
    },
    remove(device) {
      if (held.get(device.id) !== device) return false
      held.delete(device.id)
      metrics.devices.set(held.size)
      return true
    },
    all: () => [...held.values()],
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

/**
 * Does `act` to each, spread evenly over `spreadMs` when they are many; a few are done at 20 ms
 * each. Resolves when all are done, or `signal` aborts.
 */
export async function eachPaced(
  devices: readonly Device[],
  spreadMs: number,
  act: (device: Device) => void,
  signal?: AbortSignal,
): Promise<void> {
  const perTick = Math.max(1, Math.ceil((devices.length * PACE_TICK_MS) / Math.max(1, spreadMs)))
  for (let index = 0; index < devices.length; index += perTick) {
    if (index > 0 && !(await wait(PACE_TICK_MS, signal))) return
    for (const device of devices.slice(index, index + perTick)) {
      device.guard('paced', () => act(device))
    }
  }
}

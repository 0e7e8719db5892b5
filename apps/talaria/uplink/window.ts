/**
 * How many events may await their storing, of one device and of all. A low-qos event over it is
 * dropped; for one that is acknowledged the device is not read from until there is room, so that
 * what it sends waits with the device itself.
 */
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { Device } from '#apps/talaria/session/device.ts'

/**
 * A pause takes effect after the chunk that is being read, so some more come; over so many times
 * the limit none is let in any more.
 */
const OVERRUN_FACTOR = 16

/** The window. */
export interface Window {
  /** Whether the event may go on; if so, {@link leave} must follow. */
  enter(device: Device, isAwaited: boolean): boolean
  leave(device: Device): void
}

/** A window for `deviceEventsMax` of each device and `eventsMax` of all. */
export function createWindow({
  deviceEventsMax,
  eventsMax,
  metrics,
}: {
  deviceEventsMax: number
  eventsMax: number
  metrics: TalariaMetrics
}): Window {
  const counts = new Map<Device, number>()
  const paused = new Set<Device>()
  let total = 0
  const isFull = (device: Device): boolean =>
    total >= eventsMax || (counts.get(device) ?? 0) >= deviceEventsMax
  const resumeSome = (): void => {
    for (const device of paused) {
      if (total >= eventsMax) return
      if (device.isOpen && isFull(device)) continue
      paused.delete(device)
      device.setPaused(false)
    }
  }
  return {
    enter(device, isAwaited) {
      const count = counts.get(device) ?? 0
      if (isFull(device)) {
        const isOverrun =
          count >= deviceEventsMax * OVERRUN_FACTOR || total >= eventsMax * OVERRUN_FACTOR
        if (!isAwaited || isOverrun) return false
      }
      counts.set(device, count + 1)
      total += 1
      if (isAwaited && isFull(device) && !paused.has(device)) {
        paused.add(device)
        device.setPaused(true)
        metrics.readingPauses.inc()
      }
      return true
    },
    leave(device) {
      const count = (counts.get(device) ?? 1) - 1
      if (count > 0) counts.set(device, count)
      else counts.delete(device)
      total -= 1
      if (paused.size > 0) resumeSome()
    },
  }
}

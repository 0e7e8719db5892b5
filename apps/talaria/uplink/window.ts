/**
 * How much may await its storing, of one device and of all. Over it the device is not read from
 * until there is room, whatever its events' qos: what it sends waits with the device itself. What
 * had been read already still enters, up to the bytes that the process may hold.
 */
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { Device } from '#apps/talaria/session/device.ts'

/** The window. */
export interface Window {
  /** Whether an event of `bytes` may go on; if so, {@link leave} must follow with the same number. */
  enter(device: Device, bytes: number): boolean
  leave(device: Device, bytes: number): void
}

/** What {@link createWindow} needs. */
export interface WindowOptions {
  /** From so many events of one device on it is not read from. */
  deviceEventsMax: number
  /** From so many events of all on nobody who sends more is. */
  eventsMax: number
  /** What all events may hold; over it none enters. From half of it on nobody is read from. */
  bytesMax: number
  metrics: TalariaMetrics
}

/** An empty window. */
export function createWindow(options: WindowOptions): Window {
  const { deviceEventsMax, eventsMax, bytesMax, metrics } = options
  const counts = new Map<Device, number>()
  const paused = new Set<Device>()
  let total = 0
  let totalBytes = 0
  const areAllFull = (): boolean => total >= eventsMax || totalBytes >= bytesMax / 2
  const isFull = (device: Device): boolean =>
    areAllFull() || (counts.get(device) ?? 0) >= deviceEventsMax
  const resumeSome = (): void => {
    for (const device of paused) {
      if (areAllFull()) return
      if (device.isOpen && isFull(device)) continue
      paused.delete(device)
      device.setPaused(false)
    }
  }
  return {
    enter(device, bytes) {
      if (totalBytes + bytes > bytesMax) return false
      counts.set(device, (counts.get(device) ?? 0) + 1)
      device.eventsPending += 1
      total += 1
      totalBytes += bytes
      if (isFull(device) && !paused.has(device)) {
        paused.add(device)
        device.setPaused(true)
        metrics.readingPauses.inc()
      }
      return true
    },
    leave(device, bytes) {
      const count = (counts.get(device) ?? 1) - 1
      if (count > 0) counts.set(device, count)
      else counts.delete(device)
      device.eventsPending -= 1
      total -= 1
      totalBytes -= bytes
      if (paused.size > 0) resumeSome()
    },
  }
}

/**
 * How much may await its storing, of one device and of all. Over it the device is not read from
 * until there is room, whatever its events' qos: what it sends waits with the device itself. What
 * had been read already still enters, up to the bytes that the process may hold.
 */
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { Device } from '#apps/talaria/session/connection/device.ts'

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
  /** From so many bytes of them on, likewise. */
  deviceBytesMax: number
  /** From so many events of all on nobody who sends more is. */
  eventsMax: number
  /** What all events may hold; over it none enters. From half of it on nobody is read from. */
  bytesMax: number
  metrics: TalariaMetrics
}

const NOTHING = { count: 0, bytes: 0 } as const

/** An empty window. */
export function createWindow(options: WindowOptions): Window {
  const { deviceEventsMax, deviceBytesMax, eventsMax, bytesMax, metrics } = options
  const held = new Map<Device, { count: number; bytes: number }>()
  const paused = new Set<Device>()
  let total = 0
  let totalBytes = 0
  const areAllFull = (): boolean => total >= eventsMax || totalBytes >= bytesMax / 2
  const isFull = (device: Device): boolean => {
    const { count, bytes } = held.get(device) ?? NOTHING
    return areAllFull() || count >= deviceEventsMax || bytes >= deviceBytesMax
  }
  const add = (device: Device, by: 1 | -1, bytes: number): void => {
    const own = held.get(device) ?? { ...NOTHING }
    own.count += by
    own.bytes += by * bytes
    if (own.count > 0) held.set(device, own)
    else held.delete(device)
    device.eventsPending += by
    total += by
    totalBytes += by * bytes
  }
  const resumeSome = (): void => {
    for (const device of paused) {
      if (areAllFull()) return
      if (device.isOpen && isFull(device)) continue
      paused.delete(device)
      device.setPaused('window', false)
    }
  }
  return {
    enter(device, bytes) {
      if (totalBytes + bytes > bytesMax) return false
      add(device, 1, bytes)
      if (isFull(device) && !paused.has(device)) {
        paused.add(device)
        device.setPaused('window', true)
        metrics.readingPauses.inc({ reason: 'events' })
      }
      return true
    },
    leave(device, bytes) {
      add(device, -1, bytes)
      if (paused.size > 0) resumeSome()
    },
  }
}

/**
 * How many different event types there may be, of one session and of all. Each type of each device is
 * a subject of its own, which nats-server keeps in memory for as long as an event of it is stored:
 * a thousand bytes and more. Not counted under one name instead: the webhooks that ask for one type
 * would miss what is told under another.
 */
import type { Device } from '#apps/talaria/session/connection/device.ts'

/** As long as EVENTS keeps an event at most. */
const FORGET_MS = 6 * 3_600_000

/** How often those that may be forgotten are looked for, at most: a look goes through all. */
const LOOK_MS = 60_000

/** The types in use. */
export interface EventTypes {
  /** Whether the device may use the type; if so, it is counted as its own from now on. */
  admit(device: Device, type: string): boolean
}

/** What {@link createEventTypes} needs. */
export interface EventTypesOptions {
  /** Of one session. */
  deviceMax: number
  /** Of all. */
  max: number
}

/** None yet. */
export function createEventTypes({ deviceMax, max }: EventTypesOptions): EventTypes {
  const own = new WeakMap<Device, Set<string>>()
  const usedAt = new Map<string, number>()
  let lookedAt = -Infinity
  const isRoom = (now: number): boolean => {
    if (usedAt.size < max) return true
    if (now - lookedAt < LOOK_MS) return false
    lookedAt = now
    for (const [type, at] of usedAt) if (now - at > FORGET_MS) usedAt.delete(type)
    return usedAt.size < max
  }
  return {
    admit(device, type) {
      const now = performance.now()
      const types = own.get(device) ?? new Set<string>()
      const isNewHere = !types.has(type)
      if (isNewHere && types.size >= deviceMax) return false
      if (!usedAt.has(type) && !isRoom(now)) return false
      usedAt.set(type, now)
      if (isNewHere) own.set(device, types.add(type))
      return true
    },
  }
}

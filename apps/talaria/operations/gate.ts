/** Whether devices are let in. In memory only, and open at the start, as upstream's. talaria.md §1.2. */
import { EventEmitter } from 'node:events'
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'

/** The gate. */
export interface Gate {
  readonly isOpen: boolean
  /** When it was last changed. */
  readonly changedAt: Date
  /** Opens or closes it; false when it was so already. */
  set(isOpen: boolean): boolean
  /** Calls `listener` after each change. */
  onChange(listener: () => void): void
}

/** An open gate. */
export function createGate(metrics: TalariaMetrics): Gate {
  let isOpen = true
  let changedAt = new Date()
  const changes = new EventEmitter()
  metrics.isGateOpen.set(1)
  return {
    get isOpen() {
      return isOpen
    },
    get changedAt() {
      return changedAt
    },
    set(wanted) {
      if (wanted === isOpen) return false
      isOpen = wanted
      changedAt = new Date()
      metrics.isGateOpen.set(isOpen ? 1 : 0)
      changes.emit('change')
      return true
    },
    onChange: (listener) => void changes.on('change', listener),
  }
}

/** The control API on the operations port: the gate, and draining. talaria.md §1.2. */
import { Hono } from 'hono'
import { errorResponse } from '#libs/http/error.ts'
import type { TalariaMetrics } from './metrics.ts'

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

/** Whether devices are let in. */
export interface Gate {
  isOpen: boolean
  changedAt: Date
}

/** What {@link createControl} needs. */
export interface ControlOptions {
  gate: Gate
  /** Closes all devices and takes no new ones; undefined when that is under way already. */
  startDrain: () => Promise<void> | undefined
  metrics: TalariaMetrics
}

/** The routes. */
export function createControl({ gate, startDrain, metrics }: ControlOptions): Hono {
  const app = new Hono()
  metrics.isGateOpen.set(gate.isOpen ? 1 : 0)
  for (const version of ['v2', 'v3']) {
    const path = `/api/${version}/device/gate`
    app.get(path, (c) => c.json({ open: gate.isOpen, timestamp: gate.changedAt.toISOString() }))
    app.on(['POST', 'PUT', 'PATCH'], path, (c) => {
      const text = c.req.query('open')
      if (text === undefined) return errorResponse(400, 'missing open parameter')
      if (!TRUE.has(text) && !FALSE.has(text)) {
        return errorResponse(400, 'the open parameter must be a bool')
      }
      const isOpen = TRUE.has(text)
      if (isOpen === gate.isOpen) return c.body(null, 200)
      gate.isOpen = isOpen
      gate.changedAt = new Date()
      metrics.isGateOpen.set(isOpen ? 1 : 0)
      return c.body(null, 201)
    })
    app.on(['POST', 'PUT', 'PATCH'], `/api/${version}/device/drain`, (c) => {
      if (!startDrain()) return errorResponse(409, 'a drain operation is already running')
      return c.json({ active: true })
    })
  }
  return app
}

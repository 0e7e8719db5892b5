/** Lets the space of new objects grow while there is a rush of events; see `new-space.ts` for why. */
import { letNewSpaceGrow } from './new-space.ts'
import { createRush } from './rush.ts'

/** How often to look. */
const LOOK_MS = 1_000

/** What happened since the start. */
export interface Totals {
  events: number
  connects: number
}

/** Looks until disposed. */
export function growInRushes(totals: () => Totals): Disposable {
  const rush = createRush()
  let before = totals()
  let lookedAt = performance.now()
  let isLet = false
  const timer = setInterval(() => {
    const now = performance.now()
    const { events, connects } = totals()
    const isOn = rush.look({
      seconds: (now - lookedAt) / 1_000,
      events: events - before.events,
      connects: connects - before.connects,
    })
    before = { events, connects }
    lookedAt = now
    if (isOn !== isLet) letNewSpaceGrow(isOn)
    isLet = isOn
  }, LOOK_MS)
  return {
    [Symbol.dispose]() {
      clearInterval(timer)
      if (isLet) letNewSpaceGrow(false)
    },
  }
}

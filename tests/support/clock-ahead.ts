/**
 * Imported into a process before its app (`--import`), it puts the clock of that process ahead by
 * CLOCK_AHEAD_MS, as a host has it whose clock nobody sets.
 */
const aheadMs = Number(process.env.CLOCK_AHEAD_MS)
const { now } = Date

Date.now = () => now() + aheadMs

globalThis.Date = new Proxy(Date, {
  construct: (target, given: [number], newTarget) =>
    Reflect.construct(target, given.length > 0 ? given : [Date.now()], newTarget) as Date,
})

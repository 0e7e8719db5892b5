/** When this process itself stood still: what it noted then, it noted late. */
import { nowMs } from '#loadtest/chaos/clock.ts'
import type { Records } from './records.ts'

const TICK_MS = 20

/** A tick that is late by less is usual. */
const LATE_MS = 20

/** Notes each standstill until disposed. */
export function watchStalls({ stalls }: Pick<Records, 'stalls'>): Disposable {
  let lastMs = nowMs()
  const timer = setInterval(() => {
    const atMs = nowMs()
    if (atMs - lastMs > TICK_MS + LATE_MS) stalls.push({ fromMs: lastMs, untilMs: atMs })
    lastMs = atMs
  }, TICK_MS)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** How long this process stood still within a span. */
export function stalledMs(
  { stalls }: Pick<Records, 'stalls'>,
  from: number,
  until: number,
): number {
  return stalls
    .map(({ fromMs, untilMs }) => Math.min(untilMs, until) - Math.max(fromMs, from))
    .reduce((sum, ms) => sum + Math.max(0, ms), 0)
}

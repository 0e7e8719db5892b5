/** Durations as registrations carry them: Go's `"1h30m"`, or whole seconds. caduceus.md §1.2. */

/** Milliseconds in each of Go's units. */
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}

/** Longer texts are no duration that anybody means. */
const TEXT_LENGTH_MAX = 64

const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g
const WHOLE = /^[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/

/** The duration in milliseconds; undefined for what is none, such as `"300"`, 1.5 or null. */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value * 1_000 : undefined
  if (typeof value !== 'string' || value.length > TEXT_LENGTH_MAX) return undefined
  if (/^[-+]?0$/.test(value)) return 0
  if (!WHOLE.test(value)) return undefined
  let ms = 0
  for (const [, amount, unit = ''] of value.matchAll(PART)) {
    ms += Number(amount) * (UNIT_MS[unit] ?? 0)
  }
  return value.startsWith('-') ? -ms : ms
}

/** As Go writes a duration of whole seconds or more: `5m0s`, `1h0m0s`, `10s`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1_000
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  const rest = `${Number((seconds % 60).toFixed(3))}s`
  if (hours > 0) return `${hours}h${minutes}m${rest}`
  return minutes > 0 ? `${minutes}m${rest}` : rest
}

/** What is told of one device's connection. talaria.md §1.1. */
import type { Device } from './device.ts'

/** The JSON of a device's statistics, as upstream's. */
export function statisticsOf(device: Device): Record<string, unknown> {
  return {
    id: device.id,
    pending: device.pending.size,
    statistics: {
      ...device.counts,
      connectedAt: new Date(device.connectedAtMs).toISOString(),
      upTime: goDuration(Date.now() - device.connectedAtMs),
    },
  }
}

/** A duration as Go writes it: `13m56.489s`. Readers of the statistics parse that. */
export function goDuration(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.max(0, Math.round(durationMs))}ms`
  const seconds = durationMs / 1_000
  const hours = Math.floor(seconds / 3_600)
  const minutes = Math.floor((seconds % 3_600) / 60)
  const rest = `${Number((seconds % 60).toFixed(3))}s`
  if (hours > 0) return `${hours}h${minutes}m${rest}`
  return minutes > 0 ? `${minutes}m${rest}` : rest
}

/** The limits of one session, from the configuration. */
import type { TalariaConfig } from '#apps/talaria/config.ts'
import type { DeviceLimits } from './device.ts'

/** How often all devices are looked at: times are kept to a second. */
const TICK_MS = 1_000

/** A session's limits. */
export function limitsOf(config: TalariaConfig): DeviceLimits {
  return {
    queueLengthMax: config.TALARIA_DEVICE_QUEUE_MAX,
    queueBytesMax: config.TALARIA_DEVICE_QUEUE_BYTES_MAX,
    pingMs: config.TALARIA_PING_MS,
    idleMs: config.TALARIA_IDLE_MS,
    probeMs: config.TALARIA_PROBE_MS,
    writeMs: config.TALARIA_WRITE_MS,
    allowance: {
      bytesPerSecond: config.TALARIA_DEVICE_BYTES_RATE,
      framesPerSecond: config.TALARIA_DEVICE_FRAMES_RATE,
      loopPercent: config.TALARIA_DEVICE_LOOP_PERCENT,
    },
  }
}

/** How often to look: every second, more often where a limit is shorter than that. */
export function tickMsOf(config: TalariaConfig): number {
  const { TALARIA_PING_MS, TALARIA_IDLE_MS, TALARIA_PROBE_MS, TALARIA_WRITE_MS } = config
  const shortestMs = Math.min(TALARIA_PING_MS, TALARIA_IDLE_MS, TALARIA_PROBE_MS, TALARIA_WRITE_MS)
  return Math.min(TICK_MS, Math.max(10, Math.floor(shortestMs / 4)))
}

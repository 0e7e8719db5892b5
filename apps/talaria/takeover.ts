/**
 * One connection for each device across the whole fabric: whoever takes a device says so on its
 * `session` subject, and whoever else holds it hears that. Design §3.3.
 */
import { z } from 'zod'
import type { Logger } from '#libs/log/logger.ts'
import type { Nats } from '#libs/nats/connect.ts'
import { sessionSubject } from '#libs/nats/subjects.ts'
import { wait } from '#libs/retry/wait.ts'
import type { Device } from './device.ts'
import type { Devices } from './devices.ts'
import type { TalariaMetrics } from './metrics.ts'

/**
 * A connection that is older than this by its own Talaria's clock is older than one that is being
 * announced for the first time, whatever the clocks of the two say. Younger ones go by the clocks.
 */
const CERTAINLY_OLDER_MS = 5_000

/** After NATS was away all are announced again, so many at once, so that it is no storm. */
const ANNOUNCED_AT_ONCE = 500
const ANNOUNCE_PAUSE_MS = 50

const announcementSchema = z.object({
  sessionId: z.string().min(1).max(100),
  connectedAtMs: z.number(),
  talaria: z.string().max(200),
  /** It was announced before: it may be older than a connection that hears of it. */
  isRepeated: z.boolean().default(false),
})

/** Which of two connections stays. */
export interface Takeover {
  /** Tells everybody that the device is held here. */
  announce(device: Device, isRepeated?: boolean): void
  /** Somebody said that he holds the device. */
  onAnnouncement(device: Device, bytes: Uint8Array): void
  /** Announces all again, paced; ends with the signal. */
  announceAll(devices: Devices, signal: AbortSignal): Promise<void>
}

/** What {@link createTakeover} needs. */
export interface TakeoverOptions {
  nats: Nats
  talariaId: string
  metrics: TalariaMetrics
  log: Logger
}

/** The takeover of one Talaria. */
export function createTakeover({ nats, talariaId, metrics, log }: TakeoverOptions): Takeover {
  const announce = (device: Device, isRepeated = false): void => {
    const { sessionId, connectedAtMs } = device
    const text = JSON.stringify({ sessionId, connectedAtMs, talaria: talariaId, isRepeated })
    try {
      nats.connection.publish(sessionSubject(device.id), text)
    } catch (error) {
      // Closed or draining: this Talaria is leaving anyway.
      log.debug({ deviceId: device.id, error: String(error) }, 'session not announced')
    }
  }
  return {
    announce,
    onAnnouncement(device, bytes) {
      const other = read(bytes)
      if (!other || other.sessionId === device.sessionId) return
      const ageMs = Date.now() - device.connectedAtMs
      const isCertain = !other.isRepeated && ageMs > CERTAINLY_OLDER_MS
      if (isCertain || isNewer(other, device)) {
        metrics.takeovers.inc({ where: 'elsewhere' })
        log.info({ deviceId: device.id, talaria: other.talaria }, 'device taken over')
        device.close('duplicate')
      } else announce(device, true)
    },
    async announceAll(devices, signal) {
      let count = 0
      for (const device of devices.all()) {
        announce(device, true)
        count += 1
        if (count % ANNOUNCED_AT_ONCE === 0 && !(await wait(ANNOUNCE_PAUSE_MS, signal))) return
      }
    },
  }
}

/** A total order, so that two that hear of each other agree. */
function isNewer(
  other: { sessionId: string; connectedAtMs: number },
  device: { sessionId: string; connectedAtMs: number },
): boolean {
  if (other.connectedAtMs !== device.connectedAtMs)
    return other.connectedAtMs > device.connectedAtMs
  return other.sessionId > device.sessionId
}

function read(bytes: Uint8Array): z.infer<typeof announcementSchema> | undefined {
  try {
    return announcementSchema.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return undefined
  }
}

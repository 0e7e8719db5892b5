/** Whether a caller may command a device or read its statistics: by the partners of both. */
import type { Msg } from '@nats-io/transport-node'
import type { TalariaConfig } from '#apps/talaria/config.ts'
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import { mayReach } from '#libs/nats/command/caller-partners.ts'
import { replyError } from '#libs/nats/command/reply.ts'
import type { Device } from './connection/device.ts'

/** Refuses a caller of other partners with 403 and says so by `false`: then nothing else is done. */
export type CheckCaller = (device: Device, message: Msg) => boolean

/** The check that a Talaria makes. */
export function createCallerCheck(
  mode: TalariaConfig['TALARIA_PARTNER_CHECK'],
  metrics: TalariaMetrics,
): CheckCaller {
  return (device, message) => {
    // A device of which no partner is known is nobody's but theirs who may reach all.
    if (mayReach(message, device.identity.partnerIds)) return true
    if (mode === 'monitor') {
      metrics.callersMonitored.inc()
      return true
    }
    metrics.downlinkRefusals.inc({ reason: 'caller-foreign' })
    replyError(message, 403, "the device is none of the caller's partners'")
    return false
  }
}

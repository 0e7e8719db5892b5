/** A session's statistics, in upstream's JSON. talaria.md §1.1. */
import type { Device } from './device.ts'
import { toGoDuration } from './up-time.ts'

/** The object that `/stat` answers. */
export function statisticsOf(device: Device): object {
  const { bytesSent, messagesSent, bytesReceived, messagesReceived } = device.statistics
  return {
    id: device.id,
    pending: device.queueLength,
    statistics: {
      bytesSent,
      messagesSent,
      bytesReceived,
      messagesReceived,
      duplications: device.duplications,
      connectedAt: new Date(device.connectedAtMs).toISOString(),
      upTime: toGoDuration(device.ageMs),
    },
  }
}

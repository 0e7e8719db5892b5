/** A session's statistics, in upstream's JSON, and who asks for them. talaria.md §1.1. */
import type { Msg } from '@nats-io/transport-node'
import { replyHeld, wantsReceipts } from '#libs/nats/command/reply.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import type { Device } from './connection/device.ts'
import { pulseNow } from './connection/pulse.ts'
import { toGoDuration } from './up-time.ts'

/** Answers questions for statistics until disposed. */
export interface Statistics extends Disposable {
  /** Who asks for receipts hears besides for how long the session has been in place. ADR 26. */
  answer(device: Device, message: Msg): void
}

/** Of the sessions whose subjects are subscribed on `nats`. */
export function createStatistics(nats: Nats): Statistics {
  let connectedAt = pulseNow()
  const unlisten = nats.onConnectedChange(() => (connectedAt = pulseNow()))
  return {
    answer(device, message) {
      const text = JSON.stringify(statisticsOf(device))
      if (!wantsReceipts(message)) return void message.respond(text)
      replyHeld(message, text, Math.min(device.ageMs, pulseNow() - connectedAt))
    },
    [Symbol.dispose]: unlisten,
  }
}

/** The object that `/stat` answers. */
function statisticsOf(device: Device): object {
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

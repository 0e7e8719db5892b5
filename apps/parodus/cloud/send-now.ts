/** Answers to the fabric: sent over the connection that is there now or not at all, as nobody waits for an old one. */
import { insteadOfTooLarge } from '#apps/parodus/error-answer.ts'
import type { ParodusMetrics } from '#apps/parodus/metrics.ts'
import { encode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'

/** What {@link createSendNow} needs. */
export interface SendNowOptions {
  /** Hands bytes to the connection; false when it did not take them. */
  send: (bytes: Uint8Array) => boolean
  /** The fabric would end the connection over a larger one. */
  messageBytesMax: number
  metrics: ParodusMetrics
}

/** Makes the function that sends a message; what is too large is replaced by the answer that says so. */
export function createSendNow(options: SendNowOptions): (message: WrpMessage) => void {
  const { send, messageBytesMax, metrics } = options
  return (message) => {
    let bytes = encode(message)
    if (bytes.length > messageBytesMax) {
      metrics.dropped.inc({ reason: 'too-large' })
      const instead = insteadOfTooLarge(message, messageBytesMax)
      if (!instead) return
      bytes = encode(instead)
    }
    if (send(bytes)) metrics.sent.inc()
    else metrics.dropped.inc({ reason: 'offline' })
  }
}

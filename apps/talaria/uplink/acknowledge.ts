/** Telling a device what became of its event. */
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { Device } from '#apps/talaria/session/connection/device.ts'
import { encode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { acknowledgement, RDR } from '#libs/wrp/qos.ts'

/** What {@link acknowledge} needs. */
export interface AcknowledgeOptions {
  /** Of acknowledgements: a locator. */
  source: string
  metrics: TalariaMetrics
}

/** Queues the acknowledgement; `onDone` is called once, when it is written or never will be. */
export function acknowledge(
  device: Device,
  message: WrpMessage,
  rdr: number,
  { source, metrics }: AcknowledgeOptions,
  onDone = (): void => undefined,
): void {
  const bytes = encode(acknowledgement(message, { source, sessionId: device.sessionId, rdr }))
  if (device.acknowledge(bytes, onDone)) {
    metrics.acknowledgements.inc({ outcome: rdr === RDR.delivered ? 'stored' : 'not-stored' })
  } else metrics.downlinkRefusals.inc({ reason: 'acknowledgement-lost' })
}

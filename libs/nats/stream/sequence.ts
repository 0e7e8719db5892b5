/** What JetStream says to a message that names the last one on its subject and is wrong in it. */
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream'

/**
 * Whether the stream refused a message as there is a newer one on its subject, or, in a cluster, as
 * another is on its way there (which has a code of its own). Nothing was stored then.
 */
export function isSequenceWrong(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
      error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
  )
}

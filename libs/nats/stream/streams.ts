/** Whether what an app stands on is there: apps never make streams, `npm run nats:apply` does. */
import { JetStreamApiCodes, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream'
import type { Logger } from '#libs/log/logger.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { wait } from '#libs/retry/wait.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { REQUEST_MS } from '#libs/nats/connection/request-timeout.ts'

/** How long JetStream may take to be ready after its server answers: a restart replays its files. */
const READY_MS = 30_000

/** A stream or bucket that the app needs is not there, or JetStream does not answer. */
export class StreamsMissingError extends Error {
  readonly code = 'STREAMS_MISSING'
  override readonly name = 'StreamsMissingError'
}

/**
 * Waits until every stream of `names` answers (a bucket's is `KV_<bucket>`).
 * @throws {StreamsMissingError} at once for one that does not exist, and after 30 s of no answer.
 */
export async function requireStreams(
  nats: Nats,
  names: readonly string[],
  log: Logger,
): Promise<void> {
  const until = Date.now() + READY_MS
  const backoff = createBackoff({ firstMs: 100, maxMs: 2_000 })
  for (;;) {
    try {
      const manager = await jetstreamManager(nats.connection, {
        checkAPI: false,
        timeout: REQUEST_MS,
      })
      for (const name of names) await manager.streams.info(name)
      return
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) {
        throw new StreamsMissingError(
          `NATS has not all of the streams ${names.join(', ')}: run "npm run nats:apply" with the same NATS_URL`,
          { cause: error },
        )
      }
      if (Date.now() > until) {
        throw new StreamsMissingError(
          `JetStream did not answer within ${READY_MS / 1000} s: is it on in the server's configuration? (${String(error)})`,
          { cause: error },
        )
      }
      log.warn({ error: String(error) }, 'jetstream does not answer yet')
      await wait(backoff.nextMs())
    }
  }
}

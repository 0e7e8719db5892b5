/** Keeps the streams of `up` there: when one is missing (its data was lost) all are applied again. */
import { JetStreamApiCodes, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream'
import type { Logger } from '#libs/log/logger.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { untilAborted } from '#libs/retry/until-aborted.ts'
import { wait } from '#libs/retry/wait.ts'
import { applyStreams } from '#nats/apply.ts'
import { EVENTS_BYTES_MAX, EVENTS_LOW_BYTES_MAX, streams } from '#nats/streams.ts'
import type { Narrator } from './narration.ts'

/** How often it is looked: a device's event waits for 15 s at most. */
const LOOK_MS = 2_000

/** What {@link keepStreams} needs. */
export interface KeepStreamsOptions {
  /** The connection of the user that makes streams. */
  nats: Nats
  narrator: Narrator
  log: Logger
}

/** Keeps them until disposed. */
export function keepStreams({ nats, narrator, log }: KeepStreamsOptions): AsyncDisposable {
  const ending = new AbortController()
  const { signal } = ending
  const look = async (): Promise<void> => {
    const missing = await missingIn(nats, signal)
    if (missing.length === 0) return
    narrator.say('nats', `${missing.join(', ')} not there any more, what was in it is lost`)
    await untilAborted(applyStreams(nats.connection, { replicas: 1, log }), signal)
    narrator.say('nats', 'streams and buckets applied again')
  }
  const keeping = (async (): Promise<void> => {
    while (await wait(LOOK_MS, signal)) {
      if (!nats.isConnected) continue
      // Told as a warning, and tried again with the next look.
      await look().catch((error: unknown) => {
        if (!signal.aborted) log.warn({ error: String(error) }, 'streams cannot be looked at')
      })
    }
  })()
  return {
    async [Symbol.asyncDispose]() {
      ending.abort()
      await keeping
    },
  }
}

/** Their names are the same whatever an environment decides. */
const ANY = {
  replicas: 1,
  eventsBytesMax: EVENTS_BYTES_MAX,
  eventsLowBytesMax: EVENTS_LOW_BYTES_MAX,
}

/** @throws the client's error when JetStream does not answer. */
async function missingIn(nats: Nats, signal: AbortSignal): Promise<string[]> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  const missing: string[] = []
  for (const { name = '' } of streams(ANY)) {
    try {
      await untilAborted(manager.streams.info(name), signal)
    } catch (error) {
      const isMissing =
        error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound
      if (!isMissing) throw error
      missing.push(name)
    }
  }
  return missing
}

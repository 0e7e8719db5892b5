/** Makes a server match `streams.ts`. Safe to run again; run by `npm run nats:apply` and by `up`. */
import {
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream'
import {
  NoRespondersError,
  RequestError,
  TimeoutError,
  type NatsConnection,
} from '@nats-io/transport-node'
import { z } from 'zod'
import { commonFields, natsOf } from '#libs/config/common.ts'
import { bytes, integer } from '#libs/config/fields.ts'
import { loadConfig } from '#libs/config/load.ts'
import { createLogger, type Logger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { wait } from '#libs/retry/wait.ts'
import { EVENTS_BYTES_MAX, EVENTS_LOW_BYTES_MAX, streams, type StreamOptions } from './streams.ts'

/** A cluster that has just started elects a leader for each stream, and is silent until it has one. */
const ELECTION_MS = 60_000

/** Each attempt waits for the client's own five seconds already. */
const RETRY_BACKOFF = { firstMs: 250, maxMs: 2_000 }

/** What JetStream's API says while it has no leader. */
const UNAVAILABLE = 503

/** The server has something else than was wanted, or refused it. */
export class ApplyError extends Error {
  readonly code = 'APPLY_FAILED'
  override readonly name = 'ApplyError'
}

/** What {@link applyStreams} may be told. */
export interface ApplyOptions extends Partial<StreamOptions> {
  log: Logger
}

/**
 * Creates or updates every stream, then compares what the server says it has with what was wanted:
 * old servers drop fields that they do not know, silently.
 * @throws {ApplyError} which names the stream and the difference.
 */
export async function applyStreams(
  connection: NatsConnection,
  options: ApplyOptions,
): Promise<void> {
  const { replicas = 1, eventsBytesMax = EVENTS_BYTES_MAX, log } = options
  const { eventsLowBytesMax = EVENTS_LOW_BYTES_MAX } = options
  const manager = await jetstreamManager(connection, { checkAPI: false })
  for (const wanted of streams({ replicas, eventsBytesMax, eventsLowBytesMax })) {
    const name = wanted.name ?? ''
    try {
      const { change, found } = await patiently(() => applyOne(manager, wanted), log)
      const differences = differencesOf(wanted, found)
      if (differences.length > 0) {
        throw new ApplyError(
          `the server kept ${name} otherwise than wanted: ${differences.join('; ')}`,
        )
      }
      log.info({ stream: name, change }, 'stream applied')
    } catch (error) {
      if (error instanceof ApplyError) throw error
      throw new ApplyError(`stream ${name}: ${(error as Error).message}`, { cause: error })
    }
  }
}

/** Tries again for as long as it may be that a leader is being elected. */
async function patiently<T>(act: () => Promise<T>, log: Logger): Promise<T> {
  const until = performance.now() + ELECTION_MS
  const backoff = createBackoff(RETRY_BACKOFF)
  for (;;) {
    try {
      return await act()
    } catch (error) {
      if (!isPassing(error) || performance.now() > until) throw error
      log.warn({ error: String(error) }, 'JetStream does not answer yet')
      await wait(backoff.nextMs())
    }
  }
}

/** No answer, or one that says "not now": of a refusal nothing would change. */
function isPassing(error: unknown): boolean {
  return (
    error instanceof TimeoutError ||
    error instanceof NoRespondersError ||
    error instanceof RequestError ||
    (error instanceof JetStreamApiError && error.status === UNAVAILABLE)
  )
}

async function applyOne(
  manager: JetStreamManager,
  wanted: Partial<StreamConfig>,
): Promise<{ change: 'created' | 'updated' | 'unchanged'; found: StreamConfig }> {
  const name = wanted.name ?? ''
  try {
    const { config } = await manager.streams.info(name)
    if (differencesOf(wanted, config).length === 0) return { change: 'unchanged', found: config }
    const updated = await manager.streams.update(name, { ...wanted })
    return { change: 'updated', found: updated.config }
  } catch (error) {
    const isMissing =
      error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound
    if (!isMissing) throw error
    const added = await manager.streams.add({ ...wanted, name })
    return { change: 'created', found: added.config }
  }
}

function differencesOf(wanted: Partial<StreamConfig>, found: StreamConfig): string[] {
  return Object.entries(wanted)
    .filter(
      ([key, value]) => JSON.stringify(found[key as keyof StreamConfig]) !== JSON.stringify(value),
    )
    .map(
      ([key, value]) =>
        `${key} is ${JSON.stringify(found[key as keyof StreamConfig])}, not ${JSON.stringify(value)}`,
    )
}

/** Every variable that `npm run nats:apply` reads. */
export const applyEnv = z.object({
  NATS_URL: commonFields.NATS_URL,
  NATS_CA_FILE: commonFields.NATS_CA_FILE,
  NATS_REPLICAS: integer('How many servers keep each stream: 3 in a cluster.', 1, {
    min: 1,
    max: 5,
  }),
  NATS_EVENTS_BYTES_MAX: bytes(
    'The cap of EVENTS: what it holds of its six hours is the backlog that a webhook may have.',
    EVENTS_BYTES_MAX,
  ),
  NATS_EVENTS_LOW_BYTES_MAX: bytes(
    'The cap of EVENTS_LOW, where events of low qos are: they push out each other only.',
    EVENTS_LOW_BYTES_MAX,
  ),
})

async function main(): Promise<void> {
  const log = createLogger('nats:apply', { level: 'info' })
  const config = loadConfig(applyEnv, process.env)
  await using nats = await connectNats({ ...natsOf(config), name: 'nats:apply', log })
  await applyStreams(nats.connection, {
    replicas: config.NATS_REPLICAS,
    eventsBytesMax: config.NATS_EVENTS_BYTES_MAX,
    eventsLowBytesMax: config.NATS_EVENTS_LOW_BYTES_MAX,
    log,
  })
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    process.stderr.write(`nats:apply: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  })
}

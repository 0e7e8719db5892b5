/**
 * Whether the streams that an app stands on are still there while it runs: data can be lost, and a
 * stream be removed. The app goes on; this says what is missing, and that it is back.
 */
import { JetStreamApiCodes, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream'
import type { Logger } from '#libs/log/logger.ts'
import type { Measuring } from '#libs/metrics/labels.ts'
import type { AppRegistry } from '#libs/metrics/registry.ts'
import { untilAborted } from '#libs/retry/until-aborted.ts'
import { wait } from '#libs/retry/wait.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { requireStreams } from './streams.ts'
import { REQUEST_MS } from '#libs/nats/connection/request-timeout.ts'

/** How often: one small request for each stream, and a person reads of it within seconds. */
const LOOK_MS = 5_000

/** A gauge for each of some streams. */
type StreamsGauge<N extends string> = Measuring<{ stream: readonly N[] }>

/** @param names of the streams, a bucket's is `KV_<bucket>`. */
export const createStreamsGauge = <const N extends string>(
  registry: AppRegistry,
  names: readonly N[],
): StreamsGauge<N> =>
  registry.gauge('stream_missing', '1 while a stream or bucket that is needed is not there.', {
    stream: names,
  })

/** Watches until disposed. */
export interface StreamsWatch extends AsyncDisposable {
  /** Which needed ones are missing and what to do; undefined while none is. */
  readonly fault: string | undefined
}

/** What {@link watchStreams} needs besides the connection. */
export interface StreamsWatchOptions<N extends string> {
  names: readonly N[]
  /** Those of them that the app can go on without: their absence is told and shown, and no fault. */
  spared?: readonly N[]
  gauge: StreamsGauge<N>
  log: Logger
}

/** Waits until all that are needed are there, and begins to watch. @throws {StreamsMissingError} */
export async function watchStreams<const N extends string>(
  nats: Nats,
  { names, spared = [], gauge, log }: StreamsWatchOptions<N>,
): Promise<StreamsWatch> {
  const needed = names.filter((name) => !spared.includes(name))
  await requireStreams(nats, needed, log)
  const ending = new AbortController()
  const { signal } = ending
  const missing = new Set<N>()
  const look = async (stream: N): Promise<void> => {
    const manager = await jetstreamManager(nats.connection, {
      checkAPI: false,
      timeout: REQUEST_MS,
    })
    const isMissing = await untilAborted(manager.streams.info(stream), signal).then(
      () => false,
      // No answer says nothing of the stream: the one before stands.
      (error: unknown) => isNotFound(error) || missing.has(stream),
    )
    if (signal.aborted || isMissing === missing.has(stream)) return
    if (isMissing) missing.add(stream)
    else missing.delete(stream)
    gauge.set({ stream }, isMissing ? 1 : 0)
    if (isMissing) log.error({ stream }, 'stream is missing: "npm run nats:apply" makes it')
    else log.info({ stream }, 'stream is there again')
  }
  await Promise.all(spared.map(look))
  const watching = (async (): Promise<void> => {
    // At random places of the period, so that many instances do not ask at the same time.
    while (await wait(LOOK_MS * (0.8 + 0.4 * Math.random()), signal)) {
      if (nats.isConnected) await Promise.all(names.map(look))
    }
  })()
  return {
    get fault() {
      const faults = needed.filter((name) => missing.has(name))
      if (faults.length === 0) return undefined
      return `missing in NATS: ${faults.join(', ')} ("npm run nats:apply" makes what is missing)`
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      await watching
    },
  }
}

const isNotFound = (error: unknown): boolean =>
  error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound

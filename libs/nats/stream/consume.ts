/**
 * The pull loop of a durable consumer: bounded in flight, ended by a signal, taken up again after
 * whatever happens to the connection. What is done with a message, and so whether it is acked,
 * naked or termed, is the caller's; a caller that throws means "again later".
 */
import { jetstream, JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream'
import type { Logger } from '#libs/log/logger.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { untilAborted } from '#libs/retry/until-aborted.ts'
import { wait } from '#libs/retry/wait.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { pull, type ByteAllowance } from './pull.ts'
import { createProgress } from './progress.ts'
import type { PulledMessage } from './pulled-message.ts'

/** What shall become of a message. */
export type Outcome =
  | { outcome: 'ack' }
  | { outcome: 'nak'; delayMs: number }
  | { outcome: 'term'; reason: string }

/** After this a message whose handling failed unexpectedly is tried again. */
const UNEXPECTED_NAK_MS = 5_000

/**
 * Of the ack wait: the first sign is sent after half of it at most, which leaves half for it to
 * arrive.
 */
const PROGRESS_SHARE = 1 / 4

const RESTART_BACKOFF = { firstMs: 200, maxMs: 10_000 }

/** What {@link consume} needs. */
export interface ConsumeOptions {
  stream: string
  durable: string
  /** How many messages may be in hand at once; asked before each pull. */
  places: () => number
  /** Where there may be more places without a message being settled: calls `act` then, until disposed. */
  onRoom?: ((act: () => void) => Disposable) | undefined
  /** Absent for as many bytes as come. */
  bytes?: ByteAllowance | undefined
  handle: (message: PulledMessage) => Promise<Outcome>
  /** How long the durable waits for an acknowledgement: what takes longer is kept by signs of progress. */
  ackWaitMs: number
  /** The durable is not there. Makes it again, or says false: then the loop ends. */
  onMissing: () => Promise<boolean>
  /** What the handling of a message threw: it is tried again later, and nothing else ends. Must not throw. */
  onFault?: (error: unknown, message: PulledMessage) => void
  signal: AbortSignal
  log: Logger
}

/** Consumes until the signal aborts or {@link ConsumeOptions.onMissing} ends it; then what is in hand is finished. */
export async function consume(nats: Nats, options: ConsumeOptions): Promise<void> {
  const { signal, stream, durable, places, onRoom, bytes, ackWaitMs } = options
  const log = options.log.child({ stream, durable })
  const backoff = createBackoff(RESTART_BACKOFF)
  const jetStream = jetstream(nats.connection)
  const inHand = new Set<Promise<void>>()
  using progress = createProgress(ackWaitMs * PROGRESS_SHARE)
  const onMessage = (message: PulledMessage): Promise<void> => {
    progress.add(message)
    const handling: Promise<void> = settle(message, options).finally(() => {
      progress.delete(message)
      inHand.delete(handling)
    })
    inHand.add(handling)
    return handling
  }
  while (!signal.aborted) {
    try {
      // The client waits 5 s for a server that went away meanwhile; an end does not.
      await untilAborted(jetStream.consumers.get(stream, durable), signal)
      backoff.reset()
      // What an interrupted pull left in hand still has its places, but for one to go on with.
      const left = [...inHand]
      const taken = (): number => left.filter((handling) => inHand.has(handling)).length
      await pull(nats, {
        stream,
        durable,
        places: left.length === 0 ? places : () => Math.max(1, places() - taken()),
        onRoom,
        bytes,
        onMessage,
        signal,
      })
    } catch (error) {
      if (signal.aborted) break
      if (isMissing(error)) {
        if (!(await options.onMissing())) break
      } else {
        log.warn({ error: String(error) }, 'consume interrupted')
      }
    }
    if (!signal.aborted) await wait(backoff.nextMs(), signal)
  }
  await Promise.all(inHand)
}

async function settle(message: PulledMessage, { handle, onFault }: ConsumeOptions): Promise<void> {
  try {
    const outcome = await handle(message)
    if (outcome.outcome === 'ack') message.ack()
    else if (outcome.outcome === 'nak') message.nak(outcome.delayMs)
    else message.term(outcome.reason)
  } catch (error) {
    onFault?.(error, message)
    try {
      message.nak(UNEXPECTED_NAK_MS)
    } catch {
      // The connection is closed: it comes again after its ack wait.
    }
  }
}

function isMissing(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.ConsumerNotFound ||
      error.code === JetStreamApiCodes.StreamNotFound)
  )
}

/**
 * The pull loop of a durable consumer: bounded in flight, ended by a signal, taken up again after
 * whatever happens to the connection. What is done with a message, and so whether it is acked,
 * naked or termed, is the caller's; a caller that throws means "again later".
 */
import {
  JetStreamApiCodes,
  JetStreamApiError,
  type Consumer,
  type ConsumerMessages,
  type JetStreamClient,
  type JsMsg,
} from '@nats-io/jetstream'
import type { Logger } from '#libs/log/logger.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { untilAborted } from '#libs/retry/until-aborted.ts'
import { wait } from '#libs/retry/wait.ts'

/** What shall become of a message. */
export type Outcome =
  | { outcome: 'ack' }
  | { outcome: 'nak'; delayMs: number }
  | { outcome: 'term'; reason: string }

/** How long before a pull is renewed; its heartbeats tell a dead pull from a quiet stream. */
const PULL_EXPIRES_MS = 30_000
const HEARTBEAT_MS = 5_000

/** Two missed heartbeats are a pull that died with its server: a new one is made. */
const HEARTBEATS_MISSED_MAX = 2

/** After this a message whose handling failed unexpectedly is tried again. */
const UNEXPECTED_NAK_MS = 5_000

const RESTART_BACKOFF = { firstMs: 200, maxMs: 10_000 }

/** What {@link consume} needs. */
export interface ConsumeOptions {
  stream: string
  durable: string
  /** How many messages may be in hand at once. */
  concurrency: number
  handle: (message: JsMsg) => Promise<Outcome>
  /** A pull begins; what it is given says whether all messages that have come were handed on. */
  onPull?: (isDrained: () => boolean) => void
  /** The durable is not there. Makes it again, or says false: then the loop ends. */
  onMissing: () => Promise<boolean>
  /** What the handling of a message threw: it is tried again later, and nothing else ends. Must not throw. */
  onFault?: (error: unknown, message: JsMsg) => void
  signal: AbortSignal
  log: Logger
}

/** Consumes until the signal aborts or {@link ConsumeOptions.onMissing} ends it; then what is in hand is finished. */
export async function consume(jetStream: JetStreamClient, options: ConsumeOptions): Promise<void> {
  const { signal, stream, durable } = options
  const log = options.log.child({ stream, durable })
  const backoff = createBackoff(RESTART_BACKOFF)
  const inHand = new Set<Promise<void>>()
  while (!signal.aborted) {
    try {
      // The client waits 5 s for a server that went away meanwhile; an end does not.
      const consumer = await untilAborted(jetStream.consumers.get(stream, durable), signal)
      backoff.reset()
      await pull(consumer, { ...options, log, inHand })
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

interface Pulling extends ConsumeOptions {
  inHand: Set<Promise<void>>
}

async function pull(consumer: Consumer, options: Pulling): Promise<void> {
  const { signal, concurrency, inHand } = options
  const consuming = consumer.consume({
    max_messages: concurrency,
    expires: PULL_EXPIRES_MS,
    idle_heartbeat: HEARTBEAT_MS,
    abort_on_missing_resource: true,
  })
  const messages = await untilAborted(consuming, signal, (late) => late.stop())
  const stop = (): void => messages.stop()
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  // The client's own count of what it holds back also counts what is no message.
  let isDrained = true
  options.onPull?.(() => isDrained)
  const watching = watchPull(messages, options)
  try {
    for await (const message of messages) {
      isDrained = false
      // What arrives after the end was asked for goes to the next who pulls, without its ack wait.
      if (signal.aborted) message.nak()
      else {
        const handling: Promise<void> = settle(message, options).finally(() =>
          inHand.delete(handling),
        )
        inHand.add(handling)
        if (inHand.size >= concurrency) await Promise.race(inHand)
      }
      isDrained = true
    }
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
    await watching
  }
}

async function settle(message: JsMsg, { handle, onFault }: ConsumeOptions): Promise<void> {
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

async function watchPull(messages: ConsumerMessages, { log }: ConsumeOptions): Promise<void> {
  for await (const status of messages.status()) {
    if (status.type === 'heartbeats_missed' && status.count >= HEARTBEATS_MISSED_MAX) {
      log.warn({ missed: status.count }, 'pull went silent, pulling anew')
      messages.stop()
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

/** One request to a device over NATS, and what each outcome means to the caller. Design §3.2. */
import { headers } from '@nats-io/transport-node'
import type { Commander, CommandOutcome } from '#libs/nats/command.ts'
import type { ScytaleMetrics } from './metrics.ts'

/** What the caller gets: the device's bytes, or a status and why. */
export type Answer =
  | { kind: 'answered'; bytes: Uint8Array }
  | { kind: 'failed'; status: number; message: string; headers: Record<string, string> }

/** What may be asked of a device, as the metrics tell them apart. */
type AskKind = 'command' | 'stat'

/** What {@link ask} needs besides the subject and the bytes. */
export interface AskOptions {
  kind: AskKind
  timeoutMs: number
  signal: AbortSignal
  /** The caller's trace, handed on so that the Talaria's part belongs to it. */
  traceparent?: string | undefined
  commander: Commander
  metrics: ScytaleMetrics
}

/** In seconds. By then a lost connection is usually back: reconnects are spread over one second. */
const RETRY_AFTER = { 'Retry-After': '2' }

/** Publishes `payload` once and resolves with what came of it. Never rejects. */
export async function ask(
  subject: string,
  payload: Uint8Array,
  { kind, timeoutMs, signal, traceparent, commander, metrics }: AskOptions,
): Promise<Answer> {
  const stopTimer = metrics.commandSeconds.startTimer({ kind })
  const trace = headers()
  if (traceparent) trace.set('traceparent', traceparent)
  const found = await commander.request(subject, payload, { timeoutMs, signal, headers: trace })
  stopTimer()
  metrics.commands.inc({ kind, outcome: found.outcome })
  return answerOf(found)
}

function answerOf(found: CommandOutcome): Answer {
  switch (found.outcome) {
    case 'answered':
      return { kind: 'answered', bytes: found.bytes }
    case 'refused':
      return failed(statusOf(found.code), found.text)
    case 'no-responders':
      return failed(404, 'no Talaria holds the device')
    case 'no-receipt':
      return failed(404, 'no Talaria took the request: it reached no device')
    case 'timed-out':
      return failed(504, 'the device did not answer in time')
    case 'disconnected':
      return found.maybeSent
        ? failed(503, 'the fabric was lost on the way: the request may have reached the device')
        : failed(503, 'the fabric is away: the request was not sent')
    case 'aborted':
      // Nobody reads it; 499 is what proxies write in their logs for it.
      return failed(499, 'the caller went away')
  }
}

const failed = (status: number, message: string): Answer => ({
  kind: 'failed',
  status,
  message,
  headers: status === 503 ? RETRY_AFTER : {},
})

/** A Talaria says only what HTTP has a meaning for; anything else is its fault, not the caller's. */
const statusOf = (code: number): number =>
  Number.isInteger(code) && code >= 400 && code <= 599 ? code : 502

/** One request to a device over NATS, and what each outcome means to the caller. */
import { headers } from '@nats-io/transport-node'
import type { Logger } from '#libs/log/logger.ts'
import { putCallerPartners } from '#libs/nats/command/caller-partners.ts'
import { beginMessage, putTraceContext } from '#libs/nats/trace.ts'
import type { GivenUp } from '#libs/retry/given-up.ts'
import type { TraceContext } from '#libs/trace/context.ts'
import { traceFields, type Span, type Tracer } from '#libs/trace/tracer.ts'
import type { DeviceId } from '#libs/wrp/locator.ts'
import type { AskOutcome, AskSettled } from './ask-settled.ts'
import type { ScytaleMetrics } from '#apps/scytale/metrics.ts'

/** What the caller gets: the device's bytes, or a status and why. */
export type Answer =
  | { kind: 'answered'; bytes: Uint8Array }
  | { kind: 'failed'; status: number; message: string; headers: Record<string, string> }

/** What may be asked of a device, as the metrics tell them apart. */
type AskKind = 'command' | 'stat'

/** What {@link ask} needs besides the subject and the bytes. */
export interface AskOptions {
  kind: AskKind
  device: DeviceId
  /** Of the message, where it has one. */
  transaction?: string | undefined
  /** Whose devices the caller may reach; the device's Talaria compares. */
  reach: readonly string[]
  timeoutMs: number
  signal: GivenUp
  /** This request's span or its caller's, handed on so that the Talaria's part belongs to it. */
  trace: TraceContext | undefined
  tracer: Tracer | undefined
  askSettled: AskSettled
  metrics: ScytaleMetrics
  log: Logger
}

/** In seconds. By then a lost connection is usually back: reconnects are spread over one second. */
const RETRY_AFTER = { 'Retry-After': '2' }

/** Sends `payload` to at most one Talaria and resolves with what came of it. Never rejects. */
export async function ask(
  subject: string,
  payload: Uint8Array,
  options: AskOptions,
): Promise<Answer> {
  const { kind, device, timeoutMs, signal, tracer, askSettled, metrics, log } = options
  const stopTimer = metrics.commandSeconds.startTimer({ kind })
  const span = tracer && beginAsk(tracer, payload, options)
  const trace = span?.context ?? options.trace
  const made = headers()
  putTraceContext(made, trace)
  putCallerPartners(made, options.reach)
  const found = await askSettled(subject, payload, { device, timeoutMs, signal, headers: made })
  stopTimer()
  metrics.commands.inc({ kind, outcome: found.outcome })
  if (span) endAsk(span, found)
  log.debug({ deviceId: device, kind, outcome: found.outcome, ...traceFields(trace) }, 'asked')
  return answerOf(found)
}

const beginAsk = (tracer: Tracer, payload: Uint8Array, options: AskOptions): Span =>
  beginMessage(tracer, {
    operation: 'request',
    subject: options.kind,
    parent: options.trace,
    device: options.device,
    transaction: options.transaction,
    bytes: payload.length,
  })

/** That nobody holds the device, or that it was the caller who gave up, is no failure of the fabric. */
function endAsk(span: Span, { outcome }: AskOutcome): void {
  span.set({ 'xmidt.command.outcome': outcome })
  if (!['answered', 'no-responders', 'aborted'].includes(outcome)) span.fail(outcome)
  span.end()
}

function answerOf(found: AskOutcome): Answer {
  switch (found.outcome) {
    case 'answered':
      return { kind: 'answered', bytes: found.bytes }
    case 'refused':
      return failed(statusOf(found.code), found.text)
    case 'no-responders':
      return failed(404, 'no Talaria holds the device')
    case 'no-receipt':
      return failed(503, 'no Talaria answered: the request may have reached the device')
    case 'unsettled':
      return failed(503, 'who holds the device is not known now: the request was not sent')
    case 'timed-out':
      return failed(504, 'the device did not answer in time')
    case 'disconnected':
      return found.maybeSent
        ? failed(503, 'the fabric was lost on the way: the request may have reached the device')
        : failed(503, 'the fabric is away: the request was not sent')
    case 'given-up':
      return found.maybeSent
        ? failed(503, 'this Scytale is ending: the request may have reached the device')
        : failed(503, 'this Scytale is ending: the request was not sent')
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

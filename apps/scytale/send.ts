/** One message to one device, and the device's answer in the format that the caller wants. */
import type { HttpAnswer } from '#libs/http/answer.ts'
import type { HeaderLookup } from '#libs/http/plain-headers.ts'
import { traceContextOf } from '#libs/http/traced.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { TraceContext } from '#libs/trace/context.ts'
import { contextOfMessage } from '#libs/trace/message.ts'
import type { Span, Tracer } from '#libs/trace/tracer.ts'
import type { GivenUp } from '#libs/retry/given-up.ts'
import { decode } from '#libs/wrp/codec.ts'
import { toHeaders } from '#libs/wrp/headers.ts'
import { toJson } from '#libs/wrp/json.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { SubjectError } from '#libs/nats/subject-token.ts'
import { commandSubject } from '#libs/nats/subjects.ts'
import type { DeviceId } from '#libs/wrp/locator.ts'
import type { Access } from './caller/access.ts'
import { failure } from './api-errors.ts'
import { ask } from './asking/ask.ts'
import type { AskSettled } from './asking/ask-settled.ts'
import type { ScytaleConfig } from './config.ts'
import { MEDIA_TYPES, type AnswerFormat, type WrpFormat } from './message/format.ts'
import type { ScytaleMetrics } from './metrics.ts'
import { judgePartners } from './caller/partners.ts'
import { readMessage, writeMessage, type RequestForm } from './message/read-message.ts'
import { Refusal } from './refusal.ts'

/** A request that may be made. */
interface SendRequest {
  headers: HeaderLookup
  body: Uint8Array
  form: RequestForm
  access: Access
  /** Aborts when the caller goes away. */
  signal: GivenUp
  span: Span | undefined
}

/** Sends a request to its device. Its promise rejects with a {@link Refusal} before that. */
export type SendToDevice = (request: SendRequest) => Promise<HttpAnswer>

/** What {@link createSend} needs. */
export interface SendOptions {
  askSettled: AskSettled
  /** The largest message that NATS takes, in bytes. */
  messageBytesMax: () => number
  config: ScytaleConfig
  tracer: Tracer | undefined
  metrics: ScytaleMetrics
  log: Logger
}

/** Makes the function that brings messages to devices. */
export function createSend(options: SendOptions): SendToDevice {
  const { askSettled, messageBytesMax, config, tracer, metrics, log } = options
  return async ({ headers, body, form, access, signal, span }) => {
    const { message, device } = readMessage(form, headers, body)
    span?.set({ 'xmidt.device.id': device })
    labelPartners(message, access, config, metrics)
    const bytes = writeMessage(message)
    if (bytes.byteLength > messageBytesMax()) {
      throw new Refusal(413, 'body-too-large', `the message is over ${messageBytesMax()} bytes`)
    }
    const answer = await ask(subjectOf(device), bytes, {
      kind: 'command',
      device,
      transaction: message.transaction_uuid,
      reach: access.reach,
      timeoutMs: config.SCYTALE_DEVICE_TIMEOUT_MS,
      signal,
      trace: contextOf(message, headers, span),
      tracer,
      askSettled,
      metrics,
      log,
    })
    if (answer.kind === 'failed') return failure(answer.status, answer.message, answer.headers)
    return answerInFormat(answer.bytes, form.answerFormat, metrics)
  }
}

/**
 * What the device's part belongs to: this request's span, or its sender's where nothing is traced
 * here. A sender who names his trace in the message alone, as tr1d1um does, keeps it from there on.
 */
function contextOf(
  message: WrpMessage,
  headers: HeaderLookup,
  span: Span | undefined,
): TraceContext | undefined {
  const named = traceContextOf(headers)
  if (!named && message.headers) return contextOfMessage(message) ?? span?.context
  return span?.context ?? named
}

function labelPartners(
  message: WrpMessage,
  { partnerIds }: Access,
  config: ScytaleConfig,
  metrics: ScytaleMetrics,
): void {
  if (!partnerIds) return
  const judged = judgePartners(message.partner_ids, partnerIds)
  if (judged.verdict === 'foreign') {
    if (config.SCYTALE_PARTNER_CHECK === 'enforce') {
      const text = 'Unauthorized partners credentials in WRP message'
      throw new Refusal(403, 'partners-foreign', text)
    }
    metrics.monitored.inc({ reason: 'partners-foreign' })
  }
  if (judged.partnerIds) message.partner_ids = judged.partnerIds
  else delete message.partner_ids
}

function subjectOf(device: DeviceId): string {
  try {
    return commandSubject(device)
  } catch (error) {
    if (!(error instanceof SubjectError)) throw error
    throw new Refusal(400, 'device-id-invalid', 'invalid device name: too long', { cause: error })
  }
}

/** Empty bytes are the answer to what has none, such as an event to the device. */
function answerInFormat(
  bytes: Uint8Array,
  format: AnswerFormat,
  metrics: ScytaleMetrics,
): HttpAnswer {
  if (bytes.byteLength === 0) return { status: 200, headers: {}, body: null }
  // A copy: the client's buffer of received bytes is not this answer's own.
  if (format === 'msgpack') return inFormat(format, new Uint8Array(bytes))
  try {
    const message = decode(bytes)
    if (format === 'json') return inFormat(format, toJson(message))
    const { headers, body } = toHeaders(message)
    return { status: 200, headers: Object.fromEntries(headers), body: new Uint8Array(body) }
  } catch {
    metrics.answersUnreadable.inc()
    return failure(502, "the device's answer is no WRP")
  }
}

const inFormat = (format: WrpFormat, body: Uint8Array | string): HttpAnswer => ({
  status: 200,
  headers: { 'Content-Type': MEDIA_TYPES[format] },
  body,
})

/**
 * The intake `POST /api/v3|v4/notify` for events that come from no Talaria of ours. 202 means that
 * the stream has the event, which upstream's never promised. caduceus.md §2.
 */
import { randomUUID } from 'node:crypto'
import type { JetStreamClient } from '@nats-io/jetstream'
import { Hono } from 'hono'
import { readBody } from '#apps/caduceus/body.ts'
import type { Callers, CallerEnv } from '#apps/caduceus/callers.ts'
import type { Metrics } from '#apps/caduceus/metrics.ts'
import type { NotificationOutcome } from '#apps/caduceus/reasons.ts'
import { errorResponse } from '#libs/http/error.ts'
import { traceContextOf } from '#libs/http/traced.ts'
import { publishEvent } from '#libs/nats/event.ts'
import { SubjectError } from '#libs/nats/subject-token.ts'
import { beginSend } from '#libs/nats/trace.ts'
import type { TraceContext } from '#libs/trace/context.ts'
import type { Tracer } from '#libs/trace/tracer.ts'
import { decode, encode, hasInvalidUtf8 } from '#libs/wrp/codec.ts'
import { WrpError } from '#libs/wrp/error.ts'
import { fromJson } from '#libs/wrp/json.ts'
import {
  eventTypeOf,
  LOCATOR_LENGTH_MAX,
  parseDeviceId,
  tooLongLocator,
  type DeviceId,
} from '#libs/wrp/locator.ts'
import { MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import { partnersOfEvent } from './allowed.ts'

/** What {@link createNotifyApi} needs. */
export interface NotifyApiOptions {
  callers: Callers
  bodyBytesMax: number
  jetStream: JetStreamClient
  tracer: Tracer | undefined
  metrics: Metrics
}

/** The route. */
export function createNotifyApi(options: NotifyApiOptions): Hono<CallerEnv> {
  const { callers, bodyBytesMax, metrics } = options
  const app = new Hono<CallerEnv>()
  app.on('POST', ['/api/v3/notify', '/api/v4/notify'], callers, async (c) => {
    const answer = (outcome: NotificationOutcome, code: number, message: string): Response => {
      metrics.notifications.inc({ outcome })
      return code === 202 ? c.text(`${message}\n`, 202) : errorResponse(code, message)
    }
    const contentType = (c.req.header('Content-Type') ?? '').replace(/;.*$/s, '').trim()
    if (contentType !== 'application/msgpack' && contentType !== 'application/json') {
      const wanted = 'Invalid Content-Type header(s). Expected application/msgpack.'
      return answer('format-unsupported', 415, wanted)
    }
    const body = await readBody(c, bodyBytesMax)
    if (body.length === 0) return answer('empty', 400, 'Empty payload.')
    let event: WrpMessage
    try {
      event = contentType === 'application/json' ? fromJson(textOf(body)) : decode(body)
    } catch (error) {
      if (!(error instanceof WrpError) && !(error instanceof TypeError)) throw error
      return answer('undecodable', 400, 'Invalid payload format.')
    }
    if (event.msg_type !== MSG_TYPE.event)
      return answer('event-missing', 400, 'Invalid MessageType.')
    if (hasInvalidUtf8(event)) return answer('undecodable', 400, 'Strings must be UTF-8.')
    const tooLong = tooLongLocator(event)
    if (tooLong) {
      const said = `Invalid ${tooLong}: longer than ${LOCATOR_LENGTH_MAX} characters.`
      return answer('locator-too-long', 400, said)
    }
    const type = eventTypeOf(event.dest ?? '')
    // Patterns become filters by the type, so an event without one could not be found again.
    if (type === undefined)
      return answer('event-type-invalid', 400, 'Invalid dest. Expected event:TYPE.')
    const partners = partnersOfEvent(type, event.partner_ids, c.var.caller.partners)
    if (partners && 'outcome' in partners) return answer(partners.outcome, 403, partners.message)
    if (partners) event.partner_ids = [...partners]
    else delete event.partner_ids
    try {
      const trace = c.var.span?.context ?? traceContextOf(c.req.raw.headers)
      await publish(event, type, trace, options)
    } catch (error) {
      if (error instanceof SubjectError) return answer('event-type-invalid', 400, error.message)
      return answer('unavailable', 503, 'the event could not be kept: try again')
    }
    return answer('accepted', 202, 'Request placed on to queue.')
  })
  return app
}

async function publish(
  event: WrpMessage,
  type: string,
  trace: TraceContext | undefined,
  { jetStream, tracer }: NotifyApiOptions,
): Promise<void> {
  // Devices use a transaction id again and again, so the event gets an id of its own.
  const id = randomUUID()
  const complete = {
    ...event,
    content_type: event.content_type || 'application/json',
    transaction_uuid: event.transaction_uuid || id,
  }
  const outgoing = {
    id,
    device: deviceOf(event.source),
    type,
    bytes: encode(complete),
    dest: event.dest ?? '',
    source: event.source ?? '',
    sessionId: event.session_id,
    partnerIds: event.partner_ids,
    transactionUuid: complete.transaction_uuid,
    trace,
  }
  const span = tracer && beginSend(tracer, outgoing)
  try {
    await publishEvent(jetStream, { ...outgoing, trace: span?.context ?? trace })
  } catch (error) {
    span?.fail(error instanceof SubjectError ? 'event-type-invalid' : 'not-stored')
    throw error
  } finally {
    span?.end()
  }
}

function deviceOf(source: string | undefined): DeviceId | undefined {
  try {
    return parseDeviceId(source ?? '')
  } catch {
    return undefined
  }
}

const textOf = (body: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(body)

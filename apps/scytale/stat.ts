/** The statistics of one device, as the Talaria that holds it tells them. talaria.md §1.1. */
import type { HttpAnswer } from '#libs/http/answer.ts'
import { traceContextOf } from '#libs/http/traced.ts'
import type { Logger } from '#libs/log/logger.ts'
import { SubjectError } from '#libs/nats/subject-token.ts'
import { statSubject } from '#libs/nats/subjects.ts'
import type { Span, Tracer } from '#libs/trace/tracer.ts'
import { WrpError } from '#libs/wrp/error.ts'
import { parseDeviceId, type DeviceId } from '#libs/wrp/locator.ts'
import type { Access } from './caller/access.ts'
import { failure } from './api-errors.ts'
import { ask } from './asking/ask.ts'
import type { AskSettled } from './asking/ask-settled.ts'
import type { ScytaleMetrics } from './metrics.ts'
import { Refusal } from './refusal.ts'

/** The Talaria answers from memory; five seconds is a very loaded one. */
const STAT_TIMEOUT_MS = 5_000

/** Asks for the statistics of the device that `name` names. Rejects with a {@link Refusal}. */
export type StatOfDevice = (
  name: string,
  request: Request,
  by: { access: Access; span: Span | undefined },
) => Promise<HttpAnswer>

/** What {@link createStat} needs. */
export interface StatOptions {
  askSettled: AskSettled
  tracer: Tracer | undefined
  metrics: ScytaleMetrics
  log: Logger
}

/** Makes the function that asks for statistics. */
export function createStat(options: StatOptions): StatOfDevice {
  return async (name, request, { access, span }) => {
    const { device, subject } = read(name)
    span?.set({ 'xmidt.device.id': device })
    const answer = await ask(subject, new Uint8Array(), {
      ...options,
      kind: 'stat',
      device,
      reach: access.reach,
      timeoutMs: STAT_TIMEOUT_MS,
      signal: request.signal,
      trace: span?.context ?? traceContextOf(request.headers),
    })
    if (answer.kind === 'failed') return failure(answer.status, answer.message, answer.headers)
    return {
      status: 200,
      headers: { 'Content-Type': 'application/json' },
      body: answer.bytes,
    }
  }
}

function read(name: string): { device: DeviceId; subject: string } {
  try {
    const device = parseDeviceId(name)
    return { device, subject: statSubject(device) }
  } catch (error) {
    if (!(error instanceof WrpError) && !(error instanceof SubjectError)) throw error
    const text = 'failed to extract device ID: invalid device name'
    throw new Refusal(400, 'device-id-invalid', text, { cause: error })
  }
}

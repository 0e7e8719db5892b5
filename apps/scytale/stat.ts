/** The statistics of one device, as the Talaria that holds it tells them. talaria.md §1.1. */
import type { Commander } from '#libs/nats/command.ts'
import { statSubject, SubjectError } from '#libs/nats/subjects.ts'
import { WrpError } from '#libs/wrp/error.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { failure } from './api-errors.ts'
import { ask } from './ask.ts'
import type { ScytaleMetrics } from './metrics.ts'
import { Refusal } from './refusal.ts'

/** The Talaria answers from memory; five seconds is a very loaded one. */
const STAT_TIMEOUT_MS = 5_000

/** Asks for the statistics of the device that `name` names. Rejects with a {@link Refusal}. */
export type StatOfDevice = (name: string, request: Request) => Promise<Response>

/** Makes the function that asks for statistics. */
export function createStat(commander: Commander, metrics: ScytaleMetrics): StatOfDevice {
  return async (name, request) => {
    const answer = await ask(subjectOf(name), new Uint8Array(), {
      kind: 'stat',
      timeoutMs: STAT_TIMEOUT_MS,
      signal: request.signal,
      traceparent: request.headers.get('traceparent') ?? undefined,
      commander,
      metrics,
    })
    if (answer.kind === 'failed') return failure(answer.status, answer.message, answer.headers)
    return new Response(Uint8Array.from(answer.bytes), {
      headers: { 'Content-Type': 'application/json' },
    })
  }
}

function subjectOf(name: string): string {
  try {
    return statSubject(parseDeviceId(name))
  } catch (error) {
    if (!(error instanceof WrpError) && !(error instanceof SubjectError)) throw error
    const text = 'failed to extract device ID: invalid device name'
    throw new Refusal(400, 'device-id-invalid', text, { cause: error })
  }
}

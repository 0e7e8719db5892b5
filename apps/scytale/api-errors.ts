/** What a caller is told when a request ends without an answer of a device. */
import type { HttpAnswer } from '#libs/http/answer.ts'
import { errorAnswer } from '#libs/http/error.ts'
import type { Logger } from '#libs/log/logger.ts'
import { traceFields, type Span } from '#libs/trace/tracer.ts'
import type { RefusalReason } from './metrics.ts'
import { Refusal } from './refusal.ts'

/** Upstream answers everything that is none of its routes so, before it looks at the credential. */
export const endpointUnknown = (): Refusal =>
  new Refusal(400, 'endpoint-unknown', 'Invalid endpoint')

/** A caller that goes away in the middle of its body is no fault of ours, and nobody reads the answer. */
export const bodyCut = (): Refusal => new Refusal(499, 'body-cut', 'the caller went away')

/** What {@link answerOfError} must know of the request. */
export interface FailedRequest {
  /** Whether the caller went away. */
  isGone: boolean
  span: Span | undefined
  log: Logger
}

/** A refusal as it says, 499 where the caller went away, anything else as 500: what went wrong inside is logged and not told. */
export function answerOfError(
  thrown: unknown,
  { isGone, span, log }: FailedRequest,
): { answer: HttpAnswer; refusal: RefusalReason | undefined } {
  const error = isGone && !(thrown instanceof Refusal) ? bodyCut() : thrown
  if (error instanceof Refusal) {
    return { answer: failure(error.status, error.message, error.headers), refusal: error.reason }
  }
  const text = error instanceof Error ? error.stack : String(error)
  log.error({ error: text, ...traceFields(span?.context) }, 'request failed')
  return { answer: failure(500, 'internal error'), refusal: undefined }
}

/** Upstream's error body, and its text again in the header where Talaria's callers look for it. */
export const failure = (
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer =>
  errorAnswer(status, message, { ...headers, 'X-Xmidt-Message-Error': headerText(message) })

/** A header holds printable ASCII only, and no blank at its ends; what a device's Talaria says may hold more. */
const headerText = (text: string): string => text.replaceAll(/[^\x20-\x7E]/g, '?').trim()

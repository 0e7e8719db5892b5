/** What a caller is told when a request ends without an answer of a device. */
import type { Context } from 'hono'
import { errorResponse } from '#libs/http/error.ts'
import type { Logger } from '#libs/log/logger.ts'
import { traceFields } from '#libs/trace/tracer.ts'
import type { ApiEnv } from './caller/api-middleware.ts'
import { Refusal } from './refusal.ts'

/** Upstream answers everything that is none of its routes so, before it looks at the credential. */
export function endpointUnknown(c: Context<ApiEnv>): Response {
  c.set('refusal', 'endpoint-unknown')
  return failure(400, 'Invalid endpoint')
}

/** A refusal as it says, 499 where the caller went away, anything else as 500: what went wrong inside is logged and not told. */
export function answerError(error: Error, c: Context<ApiEnv>, log: Logger): Response {
  if (error instanceof Refusal) {
    c.set('refusal', error.reason)
    return failure(error.status, error.message, error.headers)
  }
  // A caller that goes away in the middle of its body is no fault of ours, and nobody reads the answer.
  if (c.req.raw.signal.aborted) {
    c.set('refusal', 'body-cut')
    return failure(499, 'the caller went away')
  }
  const trace = traceFields(c.get('span')?.context)
  log.error({ error: error.stack ?? String(error), ...trace }, 'request failed')
  return failure(500, 'internal error')
}

/** Upstream's error body, and its text again in the header where Talaria's callers look for it. */
export function failure(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return errorResponse(status, message, {
    ...headers,
    'X-Xmidt-Message-Error': headerText(message),
  })
}

/** A header holds printable ASCII only; what a device's Talaria says may hold more. */
const headerText = (text: string): string => text.replaceAll(/[^\x20-\x7E]/g, '?')

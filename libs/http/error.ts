/** Errors on upstream's routes, in upstream's form. api.md F. */
import type { Context } from 'hono'
import type { Logger } from '#libs/log/logger.ts'
import { traceFields } from '#libs/trace/tracer.ts'
import { toResponse, type HttpAnswer } from './answer.ts'
import type { TracedEnv } from './traced.ts'

/**
 * An answer with upstream's error body, `{"code": 404, "message": "…"}`, spaces exactly so: there
 * are clients that compare it.
 */
export const errorAnswer = (
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer => ({
  status: code,
  headers: { 'Content-Type': 'application/json', ...headers },
  body: `{"code": ${code}, "message": ${JSON.stringify(message)}}`,
})

/** {@link errorAnswer} as an answer of the platform. */
export const errorResponse = (
  code: number,
  message: string,
  headers?: Readonly<Record<string, string>>,
): Response => toResponse(errorAnswer(code, message, headers))

/** For an app's `notFound`. */
export function notFound(c: Context): Response {
  return errorResponse(404, `there is no ${c.req.method} ${c.req.path}`)
}

/** For an app's `onError`: the log has the error, the client only that there was one. */
export function onError(log: Logger): (error: Error, c: Context) => Response {
  return (error, c) => {
    // A client that went away in the middle of its body is no fault of ours.
    const level = c.req.raw.signal.aborted ? 'debug' : 'error'
    const trace = traceFields((c as Context<TracedEnv>).get('span')?.context)
    const { method, path } = c.req
    log[level]({ error: error.stack, method, path, ...trace }, 'request failed')
    return errorResponse(500, 'an unexpected error, which is logged')
  }
}

/** A limit on the bodies that are read. */
import type { MiddlewareHandler } from 'hono'
import { bodyLimit as honoBodyLimit } from 'hono/body-limit'
import { errorResponse } from './error.ts'

/** Answers 413 to a body over `bytesMax`, whether its length is declared or only found out. */
export function bodyLimit(bytesMax: number): MiddlewareHandler {
  return honoBodyLimit({
    maxSize: bytesMax,
    onError: () => errorResponse(413, `the body is over ${bytesMax} bytes`),
  })
}

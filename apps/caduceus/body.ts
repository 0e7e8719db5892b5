/** Reads a request's body up to a limit, with its length declared or in chunks. */
import type { Context } from 'hono'

/** The body is over its limit. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError'
  readonly code = 'BODY_TOO_LARGE'
}

/** @throws {BodyTooLargeError} as soon as more than `bytesMax` have come or are announced. */
export async function readBody(c: Context, bytesMax: number): Promise<Uint8Array> {
  const tooLarge = (): BodyTooLargeError =>
    new BodyTooLargeError(`the body is over ${bytesMax} bytes`)
  if (Number(c.req.header('Content-Length') ?? 0) > bytesMax) throw tooLarge()
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of (c.req.raw.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > bytesMax) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

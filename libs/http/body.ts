/** A limit on the bodies that are read. */
import type { MiddlewareHandler } from 'hono'
import { errorResponse } from './error.ts'

/** Answers 413 to a body over `bytesMax`, whether its length is declared or only found out. */
export function bodyLimit(bytesMax: number): MiddlewareHandler {
  const tooLarge = (): Response => errorResponse(413, `the body is over ${bytesMax} bytes`)
  return async (c, next) => {
    const { raw } = c.req
    // GET and HEAD have none that counts, and none can be given to their Request.
    if (raw.method === 'GET' || raw.method === 'HEAD') return next()
    if (!raw.headers.has('transfer-encoding')) {
      // Node ends a body where its declared length ends.
      return Number(raw.headers.get('content-length') ?? 0) > bytesMax ? tooLarge() : next()
    }
    const body = await readAtMost(raw.body, bytesMax)
    if (!body) return tooLarge()
    // Of its parts: the server's requests are none that the platform's constructor can copy.
    const { url, method, headers, signal } = raw
    c.req.raw = new Request(url, { method, headers, signal, body })
    return next()
  }
}

/** All of `body`, or undefined as soon as it is over `bytesMax`. */
async function readAtMost(
  body: ReadableStream<Uint8Array> | null,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = []
  let byteCount = 0
  for await (const chunk of body ?? []) {
    byteCount += chunk.length
    if (byteCount > bytesMax) return undefined
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

/**
 * An answer to an HTTP request as plain data, for routes where a `Response` of the platform, with its
 * streams and header objects, would cost more than everything else.
 */
import type { ServerResponse } from 'node:http'

/** What is answered; `body` null is an answer without any. */
export interface HttpAnswer {
  status: number
  headers: Readonly<Record<string, string>>
  body: Uint8Array | string | null
}

/** As Hono's server says it of a body that names no other. */
const DEFAULT_CONTENT_TYPE = 'text/plain; charset=UTF-8'

/** The same as an answer of the platform. */
export const toResponse = ({ status, headers, body }: HttpAnswer): Response =>
  new Response(typeof body === 'string' || !body ? body : new Uint8Array(body), { status, headers })

/**
 * Writes the answer with `more` headers, byte for byte as Hono's server writes {@link toResponse} of it:
 * names in small letters and in their order, and the length of the body behind them.
 */
export function writeAnswer(
  response: ServerResponse,
  { status, headers, body }: HttpAnswer,
  more: Readonly<Record<string, string>>,
): void {
  const found: Record<string, string> = {}
  for (const name in headers) found[name.toLowerCase()] = headers[name] ?? ''
  for (const name in more) found[name] = more[name] ?? ''
  if (body !== null) found['content-type'] ??= DEFAULT_CONTENT_TYPE
  const head: string[] = []
  for (const name of Object.keys(found).toSorted()) head.push(name, found[name] ?? '')
  if (body !== null) head.push('content-length', String(Buffer.byteLength(body)))
  response.writeHead(status, head)
  if (body === null) response.end()
  else response.end(body)
}

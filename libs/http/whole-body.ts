/** The whole body of a request as Node gives it, for whoever has looked at its declared length before. */
import type { IncomingMessage } from 'node:http'

/** Resolves with all of it, or with undefined when whoever sent it went away before its end. */
export function readWholeBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const cut = (): void => resolve(undefined)
    if (request.destroyed) return cut()
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const [first] = chunks
      resolve(first && chunks.length === 1 ? first : Buffer.concat(chunks))
    })
    // After the end these say nothing new. An error nobody listens to would end the process.
    request.on('error', cut)
    request.on('close', cut)
  })
}

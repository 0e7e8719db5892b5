/** Asks one nats-server how it is: bounded in time and in bytes. */
import type { z } from 'zod'
import { jsz, varz, type ServerAnswers } from './answers.ts'

/** What {@link askServer} needs. */
export interface AskOptions {
  /** The monitoring port, such as `http://nats-1:8222`. */
  url: string
  timeoutMs: number
  bytesMax: number
  signal: AbortSignal
}

/** @throws an error that says what was wrong with the answer or that there was none. */
export async function askServer(options: AskOptions): Promise<ServerAnswers> {
  const [own, streams] = await Promise.all([
    get(options, '/varz', varz),
    get(options, '/jsz?accounts=true&streams=true&consumers=true&config=true', jsz),
  ])
  return { varz: own, jsz: streams }
}

async function get<S extends z.ZodType>(
  { url, timeoutMs, bytesMax, signal }: AskOptions,
  path: string,
  schema: S,
): Promise<z.infer<S>> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  const response = await fetch(new URL(path, url), { signal: limit, redirect: 'error' })
  if (!response.ok || !response.body) {
    await response.body?.cancel()
    throw new Error(`${path} was answered with ${response.status}`)
  }
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body) {
    bytes += part.length
    if (bytes > bytesMax) throw new Error(`${path} has more than ${bytesMax} bytes`)
    parts.push(part)
  }
  return schema.parse(JSON.parse(Buffer.concat(parts).toString('utf8')))
}

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
  const [own, streams, health] = await Promise.all([
    get(options, '/varz', varz),
    get(options, '/jsz?accounts=true&streams=true&consumers=true&config=true', jsz),
    read(options, '/healthz'),
  ])
  return { varz: own, jsz: streams, refusesWrites: WRITE_ERROR.test(health.text) }
}

/**
 * What `/healthz` says of a stream that refuses since a write failed (disk full), until the server
 * is restarted: `JetStream stream 'FABRIC > EVENTS' write error: … no space left on device`.
 */
const WRITE_ERROR = /stream '[^']*' write error/

async function get<S extends z.ZodType>(
  options: AskOptions,
  path: string,
  schema: S,
): Promise<z.infer<S>> {
  const { status, text } = await read(options, path)
  if (status !== 200) throw new Error(`${path} was answered with ${status}`)
  return schema.parse(JSON.parse(text))
}

async function read(
  { url, timeoutMs, bytesMax, signal }: AskOptions,
  path: string,
): Promise<{ status: number; text: string }> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  const response = await fetch(new URL(path, url), { signal: limit, redirect: 'error' })
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    bytes += part.length
    if (bytes > bytesMax) throw new Error(`${path} has more than ${bytesMax} bytes`)
    parts.push(part)
  }
  return { status: response.status, text: Buffer.concat(parts).toString('utf8') }
}

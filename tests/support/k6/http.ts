/** `k6/http`: `asyncRequest` over real connections. A fault of the network is a status 0, as in k6. */
import { Agent, request, type Dispatcher } from 'undici'
import type { Metrics } from './metrics.ts'
import type { Vu } from './vu.ts'

/** k6's own limit for a request that names none. */
const TIMEOUT_MS = 60_000

interface RequestParameters {
  headers?: Record<string, string>
  redirects?: number
  responseCallback?: (status: number) => boolean
  responseType?: 'text' | 'binary' | 'none'
  timeout?: string
}

const agent = new Agent()

const isExpectedByDefault = (status: number): boolean => status >= 200 && status < 400

/** The module, whose requests are the VU's. */
export function createHttp(vu: Vu, metrics: Metrics): Record<string, unknown> {
  return {
    expectedStatuses:
      (...statuses: number[]) =>
      (status: number) =>
        statuses.includes(status),
    async asyncRequest(
      method: Dispatcher.HttpMethod,
      url: string,
      body: string | ArrayBuffer | null = null,
      parameters: RequestParameters = {},
    ) {
      if (vu.isInit) throw new Error('nothing is requested while a script is loaded')
      const end = vu.begin()
      const startedAt = performance.now()
      try {
        const response = await send(method, url, body, parameters)
        const duration = performance.now() - startedAt
        const { responseCallback: isExpected = isExpectedByDefault } = parameters
        metrics.add('http_reqs', 1)
        metrics.add('http_req_duration', duration)
        metrics.add('http_req_failed', !isExpected(response.status))
        return { ...response, timings: { duration } }
      } finally {
        end()
      }
    },
  }
}

async function send(
  method: Dispatcher.HttpMethod,
  url: string,
  body: string | ArrayBuffer | null,
  { headers = {}, redirects, responseType = 'text', timeout }: RequestParameters,
) {
  const timeoutMs = timeout === undefined ? TIMEOUT_MS : Number(timeout.replace(/ms$/, ''))
  try {
    const response = await request(url, {
      dispatcher: agent,
      method,
      headers,
      body: typeof body === 'string' ? body : body && new Uint8Array(body),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const { statusCode: status } = response
    if (status >= 300 && status < 400 && redirects !== 0) {
      throw new TypeError('the stand-in follows no redirects: say redirects: 0')
    }
    const bytes = await response.body.arrayBuffer()
    return {
      status,
      error: '',
      headers: canonical(response.headers),
      body: responseType === 'text' ? new TextDecoder().decode(bytes) : bytes,
    }
  } catch (error) {
    if (error instanceof TypeError) throw error
    return { status: 0, error: String(error), headers: {}, body: null }
  }
}

/** Go's spelling, which scripts see: `Location`, `Retry-After`. */
function canonical(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()),
      [value].flat().join(', '),
    ]),
  )
}

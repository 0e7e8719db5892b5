/** HTTP requests as text, with methods, paths, queries, hosts and headers that no honest client sends. */
import { hostileText, maybeHostile } from './texts.ts'
import type { FuzzCase, Random } from '#loadtest/fuzz/live/target.ts'

/** Which server a request is for: an app's API, or its operations port. */
export type Server = 'scytale' | 'caduceus' | 'themis' | 'petasos' | `${string} operations`

/** A request. */
export interface RequestCase extends FuzzCase {
  server: Server
  bytes: Buffer
  /** Its head says another length than the body has: then it ends after its bytes. */
  isCut: boolean
}

/** What a request is before anything is done to it. */
export interface Honest {
  server: Server
  method: string
  path: string
  headers: readonly (readonly [name: string, value: string])[]
  body?: string | Uint8Array
}

const METHODS = [
  'GET',
  'POST',
  'PUT',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'TRACE',
  'M-SEARCH',
  'x',
]

const QUERIES = [
  'toString',
  '__proto__',
  'constructor=1',
  'a[]=1',
  '%',
  '%ff=%00',
  'a=1&a=2',
  '',
  '?',
]

/** The request with some of it made hostile. */
export function hostileRequest(honest: Honest, random: Random): RequestCase {
  const { server } = honest
  const method = random(16) === 0 ? (METHODS[random(METHODS.length)] ?? 'GET') : honest.method
  const headers = honest.headers
    .filter(() => random(40) > 0)
    .map(([name, value]) => `${name}: ${maybeHostile(value, random, 24)}\r\n`)
  headers.unshift(`Host: ${maybeHostile('127.0.0.1', random, 24)}\r\n`)
  if (random(16) === 0) headers.push(`Origin: ${hostileText(random)}\r\n`)
  if (random(24) === 0) headers.push(`Accept: ${hostileText(random)},*/*;q=1e9\r\n`)
  if (random(24) === 0) headers.push(`traceparent: ${hostileText(random)}\r\n`)
  if (random(24) === 0) headers.push(`Expect: ${maybeHostile('100-continue', random, 2)}\r\n`)
  if (random(200) === 0) headers.push(...Array.from({ length: 1_999 }, (_, at) => `x${at}: y\r\n`))
  const body = Buffer.from(honest.body ?? '')
  const { framing, isCut, sent } = framed(body, random)
  const head = `${method} ${hostilePath(honest.path, random)} HTTP/1.1\r\n${headers.join('')}${framing}\r\n`
  const bytes = Buffer.concat([Buffer.from(head, 'latin1'), sent])
  return {
    kind: server,
    units: 1,
    server,
    bytes,
    isCut: isCut || /\r\n(?:content-length|transfer-encoding|expect)/i.test(headers.join('')),
    describe: () => `${server} ${bytes.toString('base64')}`,
  }
}

function framed(body: Buffer, random: Random): { framing: string; isCut: boolean; sent: Buffer } {
  const length = (value: string | number): string => `Content-Length: ${value}\r\n`
  if (random(24) === 0) {
    const wrong = [-1, body.length + 1, '1e3', 2 ** 53, '99999999999999999999', '+1', '0x1'][
      random(7)
    ]
    return { framing: length(wrong ?? 0), isCut: true, sent: body }
  }
  if (random(24) === 0) {
    const size = random(3) === 0 ? 'ffffffffffffffff' : body.length.toString(16)
    const chunks = Buffer.concat([Buffer.from(`${size}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')])
    const both = random(2) === 0 ? length(body.length) : ''
    return { framing: `${both}Transfer-Encoding: chunked\r\n`, isCut: true, sent: chunks }
  }
  return { framing: body.length > 0 ? length(body.length) : '', isCut: false, sent: body }
}

function hostilePath(path: string, random: Random): string {
  const odd = (): string => encodeOdd(hostileText(random), random)
  switch (random(20)) {
    case 0:
      return `${path}?${QUERIES[random(QUERIES.length)] ?? ''}`
    case 1:
      return `${path}?${odd()}=${odd()}`
    case 2:
      return `${path}/${odd()}`
    case 3:
      return path.replaceAll(/[^/]+/g, (part) => (random(3) === 0 ? odd() : part))
    case 4:
      return [`http://${odd()}${path}`, `/${path}`, `${path}/..`, '*', '/', ''][random(6)] ?? '/'
    default:
      return path
  }
}

/** A request's target has no blanks, mostly: with them it would be refused before anybody reads it. */
const encodeOdd = (text: string, random: Random): string =>
  random(8) === 0 ? text : text.replaceAll(/[^\u0021-\u007e]/g, (each) => encodeURIComponent(each))

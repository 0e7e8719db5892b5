/** Requests of a device for its websocket, with each header as no honest device sends it. */
import { hostileText, maybeHostile } from './texts.ts'

type Random = (below: number) => number

/** What an honest upgrade has of its own. */
export interface Applicant {
  deviceId: string
  token: string
}

/** A request as it goes onto the wire. */
export function hostileUpgrade({ deviceId, token }: Applicant, random: Random): string {
  const one = (value: string): string => maybeHostile(value, random, 20)
  const headers: [string, string][] = [
    ['Host', one('127.0.0.1')],
    ['Upgrade', one('websocket')],
    ['Connection', one('Upgrade')],
    ['Sec-WebSocket-Version', one('13')],
    ['Sec-WebSocket-Key', one('dGhlIHNhbXBsZSBub25jZQ==')],
    ['X-Webpa-Device-Name', one(deviceId)],
    ['Authorization', hostileToken(token, random)],
    ['X-Webpa-Convey', hostileConvey(random)],
  ]
  if (random(4) === 0)
    headers.push(['Sec-WebSocket-Extensions', one('permessage-deflate; client_max_window_bits')])
  if (random(6) === 0) headers.push(['Sec-WebSocket-Protocol', hostileText(random)])
  if (random(6) === 0) headers.push(['X-Intermediate-Context', hostileText(random)])
  if (random(6) === 0) headers.push(['Origin', hostileText(random)])
  if (random(8) === 0) headers.push(['X-Webpa-Device-Name', one('uuid:other')])
  if (random(8) === 0) headers.push(['Content-Length', one('5')])
  if (random(12) === 0) headers.push(['Transfer-Encoding', 'chunked'])
  if (random(12) === 0) headers.splice(random(headers.length), 1)
  if (random(40) === 0) for (let at = 0; at < 3_000; at += 1) headers.push([`x${at}`, 'y'])
  const method = random(20) === 0 ? ['POST', 'HEAD', 'OPTIONS', 'PRI', ''][random(5)] : 'GET'
  const path = random(8) === 0 ? hostilePath(random) : `/api/v${2 + random(2)}/device`
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `${method} ${path} HTTP/1.1\r\n${lines}\r\n`
}

const hostilePath = (random: Random): string =>
  `/api/v2/device${['/', '?', '/..', '//', '?a=', '#', '/%00', ';'][random(8)]}${hostileText(random)}`

/** Most are good, so that what comes after the token is reached. */
function hostileToken(token: string, random: Random): string {
  const [head = '', claims = '', signature = ''] = token.split('.')
  const encoded = (value: unknown): string =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
  switch (random(16)) {
    case 0:
      return `Bearer ${encoded({ alg: 'none' })}.${claims}.`
    case 1:
      return `Bearer ${encoded({ alg: 'ES256', kid: hostileText(random) })}.${claims}.${signature}`
    case 2:
      return `Bearer ${head}.${encoded(nested(2_000, '[', ']'))}.${signature}`
    case 3:
      return `Bearer ${head}.${encoded(hostileText(random))}.${signature}`
    case 4:
      return `${['Basic', 'bearer', 'Digest', ''][random(4)]} ${token}`
    case 5:
      return hostileText(random)
    case 6:
      return `Bearer ${encoded({ alg: 'ES256', kid: 'k', crit: ['b64'], b64: false, jwk: {} })}.${claims}.${signature}`
    default:
      return `Bearer ${token}`
  }
}

const nested = (depth: number, open: string, close: string): string =>
  open.repeat(depth) + close.repeat(depth)

const CONVEY = ['boot-time', 'hw-model', 'webpa-protocol', '__proto__', 'toString', 'fw-name']

function hostileConvey(random: Random): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const field = JSON.stringify(CONVEY[random(CONVEY.length)])
  switch (random(8)) {
    case 0:
      return base64(`{${field}:${nested(4_500, '[', ']')}}`)
    case 1:
      return base64(nested(4_500, '[', ']'))
    case 2:
      return base64(`{${field}:${'{"a":'.repeat(1_500)}1${'}'.repeat(1_500)}}`)
    case 3:
      return base64(
        `{${field}:${['1e999', '-0', 'null', '"\\ud800"', '[]', '{}', '1e-999'][random(7)]}}`,
      )
    case 4:
      return base64(JSON.stringify({ [JSON.parse(field) as string]: hostileText(random) }))
    case 5:
      return hostileText(random)
    case 6:
      return base64('{'.repeat(random(9_000)))
    default:
      return base64(JSON.stringify({ 'boot-time': 1_700_000_000, 'hw-model': 'X' }))
  }
}

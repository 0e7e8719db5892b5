import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { replyError } from '#libs/nats/command/reply.ts'
import { encode } from '#libs/wrp/codec.ts'
import { toJson } from '#libs/wrp/json.ts'
import {
  answerRequest,
  BASIC,
  requestTo,
  startScytaleBench,
  type ScytaleBench,
} from '#tests/support/scytale.ts'

let bench: ScytaleBench
let scytale: App
let device: string
let refusing: string
let mute: string
let unreadable: string

beforeAll(async () => {
  bench = await startScytaleBench()
  // A mute device shall not take long.
  scytale = await bench.startScytale({
    SCYTALE_DEVICE_TIMEOUT_MS: '1500',
    SCYTALE_BODY_BYTES_MAX: '2000',
  })
  device = bench.newDevice()
  refusing = bench.newDevice()
  mute = bench.newDevice()
  unreadable = bench.newDevice()
  await bench.hold(device, answerRequest)
  await bench.hold(refusing, (message) => replyError(message, 502, 'no: ä device  '))
  await bench.hold(mute, (message) => void message.respond())
  await bench.hold(unreadable, (message) => void message.respond('no WRP'))
})

afterAll(async () => {
  await scytale[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

/** A request as lines of its head and a body; each method, path and header is as it is on the wire. */
interface RawRequest {
  method?: string
  path?: string
  head?: readonly string[]
  body?: string | Uint8Array
  /** Sent in the place of `Content-Length`. */
  length?: string
}

const JSON_LINES = ['Content-Type: application/json', `Authorization: ${BASIC}`]

/** All that comes back for it, without the date. */
async function exchange(request: RawRequest, query: string): Promise<string> {
  const { method = 'POST', path = '/api/v3/device', head = JSON_LINES, body = '', length } = request
  const bytes = Buffer.from(body)
  const { hostname, port } = new URL(scytale.url)
  const socket = connect(Number(port), hostname)
  socket.setEncoding('latin1')
  const lines = [
    `${method} ${path}${query} HTTP/1.1`,
    'Host: scytale',
    'Connection: close',
    ...head,
    length ?? `Content-Length: ${bytes.length}`,
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  socket.write(bytes)
  return (await text(socket)).replace(/^Date: .*$/m, 'Date: now')
}

/** What the metrics page counted in requests, refusals and commands. */
async function counted(): Promise<Map<string, number>> {
  const page = await (await fetch(`${scytale.operationsUrl}/metrics`)).text()
  const lines = page.match(/^xmidt_scytale_(?:requests|commands|checks)\w*_total\S* \d+$/gm) ?? []
  return new Map(
    lines.map((line) => {
      const [name = '', value] = line.split(' ')
      return [name, Number(value)]
    }),
  )
}

/** The answer, and what was counted for it. */
async function observe(request: RawRequest, query: string) {
  const before = await counted()
  const answer = await exchange(request, query)
  const after = [...(await counted())]
  const growth = after.filter(([name, value]) => value !== (before.get(name) ?? 0))
  return {
    answer,
    growth: growth.map(([name, value]) => `${name} +${value - (before.get(name) ?? 0)}`),
  }
}

const headers = (of: string, more: readonly string[] = []): string[] => [
  `Authorization: ${BASIC}`,
  'X-Xmidt-Message-Type: SimpleRequestResponse',
  'X-Xmidt-Source: dns:caller.example',
  `X-Webpa-Device-Name: ${of}/config`,
  `X-Xmidt-Transaction-Uuid: ${randomUUID()}`,
  ...more,
]

/** Requests whose device is known only when the bench has begun. */
const REQUESTS: Readonly<Record<string, () => RawRequest>> = {
  'by JSON': () => ({ body: toJson(requestTo(device)) }),
  'for JSON': () => ({
    head: [...JSON_LINES, 'Accept: application/json'],
    body: toJson(requestTo(device)),
  }),
  'by msgpack, as PUT': () => ({
    method: 'PUT',
    head: ['Content-Type: application/msgpack', `Authorization: ${BASIC}`],
    body: encode(requestTo(device)),
  }),
  'by headers': () => ({ head: headers(device), body: '{}' }),
  'by headers without a body': () => ({ head: headers(device) }),
  'for the payload alone': () => ({
    head: headers(device, ['Accept: application/octet-stream']),
    body: '{}',
  }),
  'with a header that comes twice': () => ({
    head: headers(device, ['X-Xmidt-Partner-Id: a', 'X-Xmidt-Partner-Id: b']),
    body: '{}',
  }),
  'with two credentials': () => ({ head: headers(device, [`Authorization: ${BASIC}`]) }),
  'by the older path': () => ({ path: '/api/v2/device/send', body: toJson(requestTo(device)) }),
  'that is an event': () => ({
    body: toJson({ msg_type: 4, source: 'dns:a', dest: `${mute}/config` }),
  }),
  'for the bytes of an answer that is no WRP': () => ({ body: toJson(requestTo(unreadable)) }),
  'for the JSON of an answer that is no WRP': () => ({
    head: [...JSON_LINES, 'Accept: application/json'],
    body: toJson(requestTo(unreadable)),
  }),
  'that its Talaria refuses': () => ({ body: toJson(requestTo(refusing)) }),
  'to a device that nobody holds': () => ({ body: toJson(requestTo('mac:ff0000000001')) }),
  'to no device': () => ({ body: toJson(requestTo('nonsense')) }),
  'that is no message': () => ({ body: '{' }),
  'in no format': () => ({ head: [`Authorization: ${BASIC}`], body: '{}' }),
  'for no format': () => ({ head: [...JSON_LINES, 'Accept: text/html'], body: '{}' }),
  'without a credential': () => ({ head: ['Content-Type: application/json'], body: '{}' }),
  'without a credential by the older path': () => ({
    path: '/api/v2/device',
    head: ['Content-Type: application/json'],
    body: '{}',
  }),
  'with a credential that is none': () => ({
    path: '/api/v2/device',
    head: ['Content-Type: application/json', 'Authorization: nonsense'],
    body: '{}',
  }),
  'with a wrong password': () => ({
    head: ['Content-Type: application/json', 'Authorization: Basic eDp5'],
    body: '{}',
  }),
  'with a body that is as long as it may be': () => ({ body: ' '.repeat(2_000) }),
  'with a body that is longer': () => ({ body: ' '.repeat(2_001) }),
  'with a body in pieces': () => ({
    length: 'Transfer-Encoding: chunked',
    body: '2\r\n{}\r\n0\r\n\r\n',
  }),
  'without a length': () => ({ length: 'X-Nothing: 1' }),
  'with a wrong method': () => ({ method: 'DELETE' }),
}

describe('a request to a device', () => {
  it.each(Object.keys(REQUESTS))(
    '%s gets the same bytes directly and through the API, and counts the same',
    async (name) => {
      const request = REQUESTS[name]?.() ?? {}
      const direct = await observe(request, '')
      // With a query it is none of the paths that are taken directly.
      const throughApi = await observe(request, '?')
      expect(direct).toEqual(throughApi)
      expect(direct.answer).toMatch(/^HTTP\/1.1 \d{3} .*\r\n/)
    },
  )

  it('is answered on the connection on which another was refused before its body was read', async () => {
    const { hostname, port } = new URL(scytale.url)
    const socket = connect(Number(port), hostname)
    const start = 'POST /api/v3/device HTTP/1.1\r\nHost: scytale\r\n'
    socket.write(`${start}Content-Type: application/json\r\nContent-Length: 2000\r\n\r\n{`)
    const lines = headers(device, ['Content-Length: 2', 'Connection: close'])
    const [first] = (await once(socket, 'data')) as [Buffer]
    socket.write(`${' '.repeat(1_999)}${start}${lines.join('\r\n')}\r\n\r\n{}`)
    expect(first.toString()).toMatch(/^HTTP\/1.1 401 /)
    expect(await text(socket)).toMatch(/^HTTP\/1.1 200 /)
  })
})

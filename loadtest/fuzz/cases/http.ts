/** Requests for each API of the fabric, honest first and then not. */
import { encode } from '#libs/wrp/codec.ts'
import { toHeaders } from '#libs/wrp/headers.ts'
import { toJson } from '#libs/wrp/json.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import type { Random } from '#loadtest/fuzz/live/target.ts'
import { hostileJson, hostileObject } from './documents.ts'
import { hostileMessage } from './messages.ts'
import { hostileRequest, type Honest, type RequestCase } from './requests.ts'
import { hostileText, maybeHostile } from './texts.ts'
import { loadVectors, mutated, mutatedVector } from './vectors.ts'

/** Who asks: good credentials, so that what lies behind the door is reached. */
export interface Asker {
  /** Of a caller, at Scytale, Caduceus and Themis. */
  authorization: string
  /** Of a caller with a token. */
  bearer: string
  /** A device that is connected. */
  deviceId: string
}

/** Makes requests. */
export function createHttpCases(asker: Asker): (random: Random) => RequestCase {
  const vectors = loadVectors()
  const makers: readonly ((random: Random) => Honest)[] = [
    (random) => sending(asker, vectors, random),
    (random) => sending(asker, vectors, random),
    (random) => asking(asker, random),
    (random) => registering(asker, random),
    (random) => registering(asker, random),
    (random) => hooks(asker, random),
    (random) => notifying(asker, vectors, random),
    (random) => issuing(asker, random),
    (random) => keys(random),
    (random) => redirecting(asker, random),
    operating,
  ]
  return (random) => hostileRequest(makers[random(makers.length)]!(random), random)
}

const credential = ({ authorization, bearer }: Asker, random: Random): [string, string] => [
  'Authorization',
  random(3) === 0 ? bearer : authorization,
]

const messageOf = ({ deviceId }: Asker, random: Random): WrpMessage => ({
  msg_type: 3 + random(6),
  source: maybeHostile('dns:caller.example.com', random),
  dest: maybeHostile(`${deviceId}/config`, random),
  transaction_uuid: maybeHostile(`t-${random(1e6)}`, random),
  path: '/a',
  metadata: { [maybeHostile('/k', random)]: 'v' },
  partner_ids: [maybeHostile('comcast', random)],
  payload: Buffer.from('{"command":"GET","names":["Device."]}'),
})

function sending(asker: Asker, vectors: readonly Uint8Array[], random: Random): Honest {
  const base = {
    server: 'scytale',
    method: 'POST',
    path: `/api/v${2 + random(2)}/device`,
  } as const
  const signed = credential(asker, random)
  const message = messageOf(asker, random)
  if (random(3) === 0) {
    const { headers, body } = toHeaders({ ...message, msg_type: 3 })
    const written = [...headers].map(([name, value]): [string, string] => [
      name,
      maybeHostile(value, random, 16),
    ])
    return { ...base, headers: [signed, ...written], body }
  }
  const isJson = random(2) === 0
  const type = isJson ? 'application/json' : 'application/msgpack'
  const accept = ['application/json', 'application/msgpack', '*/*'][random(3)] ?? ''
  return {
    ...base,
    headers: [signed, ['Content-Type', type], ['Accept', accept]],
    body: isJson ? jsonOf(message, random) : packedOf(message, vectors, random),
  }
}

const jsonOf = (message: WrpMessage, random: Random): string =>
  random(2) === 0
    ? toJson(message)
    : hostileObject(JSON.parse(toJson(message)) as Record<string, unknown>, random)

function packedOf(message: WrpMessage, vectors: readonly Uint8Array[], random: Random): Uint8Array {
  const honest = encode(message)
  const way = random(4)
  if (way === 0) return honest
  if (way === 1) return mutated(honest, () => honest, random)
  if (way === 2) return mutatedVector(vectors, random)
  const { msg_type: type, source = '', dest = '', transaction_uuid: transaction = '' } = message
  return hostileMessage({ type, source, dest, transaction }, random)
}

const asking = (asker: Asker, random: Random): Honest => ({
  server: 'scytale',
  method: 'GET',
  path: `/api/v${2 + random(2)}/device/${encodeURIComponent(maybeHostile(asker.deviceId, random))}/stat`,
  headers: [credential(asker, random)],
})

const API = ['', '/api/v2', '/api/v3', '/api/v4']

const PATTERNS = [
  '.*',
  'nothing',
  '(',
  'a{1000}{1000}',
  '(a*)*b',
  '\\pL{400}',
  '[[:^alpha:]]',
  '(?i)é',
]

const URLS = [
  'http://127.0.0.1:1/hook',
  'http://127.0.0.1:1/other?token=x',
  'http://[::ffff:127.0.0.1]/',
  'http://0x7f.1/',
  'http://user:password@127.0.0.1:1/',
  'http://127.0.0.1:99999/',
  'file:///etc/passwd',
  'http://',
]

const DURATIONS = ['1s', '5m', '24h', '-1s', '1e9h', '9'.repeat(30) + 'h', '1h1h', '.s', 'µs', 60e9]

const oneOf = <T>(values: readonly [T, ...T[]] | readonly T[], random: Random): T =>
  values[random(values.length)]!

function registering(asker: Asker, random: Random): Honest {
  const patterns = (): string[] =>
    Array.from({ length: 1 + random(random(20) === 0 ? 102 : 3) }, () =>
      random(6) === 0
        ? hostileText(random)
        : oneOf(random(3) === 0 ? PATTERNS : ['nothing'], random),
    )
  const config = {
    url: random(6) === 0 ? hostileText(random) : oneOf(URLS, random),
    content_type: 'application/msgpack',
    secret: maybeHostile('secret', random),
    ...(random(6) === 0 && { alt_urls: [oneOf(URLS, random), hostileText(random)] }),
  }
  const written = hostileObject(
    {
      config: 0,
      events: patterns(),
      matcher: { device_id: patterns() },
      duration: oneOf(DURATIONS, random),
      ...(random(4) === 0 && {
        until: oneOf(['2999-01-01T00:00:00Z', '0001-01-01T00:00:00Z', 'x'], random),
      }),
      ...(random(8) === 0 && { failure_url: oneOf(URLS, random) }),
    },
    random,
  )
  return {
    server: 'caduceus',
    method: 'POST',
    path: `${oneOf(API, random)}/hook`,
    headers: [credential(asker, random), ['Content-Type', 'application/json']],
    body: written.replace('"config":0', () => `"config":${hostileObject(config, random)}`),
  }
}

const hooks = (asker: Asker, random: Random): Honest => ({
  server: 'caduceus',
  method: random(2) === 0 ? 'GET' : 'DELETE',
  path: `${oneOf(API, random)}/hook${random(2) === 0 ? 's' : `/${random(2 ** 31).toString(16)}`}`,
  headers: [credential(asker, random)],
})

function notifying(asker: Asker, vectors: readonly Uint8Array[], random: Random): Honest {
  const isJson = random(2) === 0
  const message: WrpMessage = {
    ...messageOf(asker, random),
    msg_type: 4,
    source: maybeHostile(asker.deviceId, random),
    dest: `event:${maybeHostile('fuzz', random)}/x`,
  }
  return {
    server: 'caduceus',
    method: 'POST',
    path: `/api/v${3 + random(2)}/notify`,
    headers: [
      credential(asker, random),
      ['Content-Type', isJson ? 'application/json' : 'application/msgpack'],
    ],
    body: isJson ? jsonOf(message, random) : packedOf(message, vectors, random),
  }
}

const issuing = (asker: Asker, random: Random): Honest => ({
  server: 'themis',
  method: 'GET',
  path: random(3) === 0 ? `/issue?mac=${encodeURIComponent(hostileText(random))}&pid=a` : '/issue',
  headers: [
    credential(asker, random),
    ['X-Midt-Mac-Address', maybeHostile('112233445566', random)],
    ['X-Midt-Serial-Number', maybeHostile('1', random)],
    ['X-Midt-Partner-ID', maybeHostile('comcast', random)],
  ],
})

const keys = (random: Random): Honest => ({
  server: 'themis',
  method: 'GET',
  path: `${oneOf(['/keys', '/.well-known/jwks.json', '/keys/a', '/keys/a/key.pem'], random)}`,
  headers: [['Accept', maybeHostile('application/json', random)]],
})

const redirecting = (asker: Asker, random: Random): Honest => ({
  server: 'petasos',
  method: 'GET',
  path: `/api/v2/device${random(3) === 0 ? `/${encodeURIComponent(hostileText(random))}` : ''}`,
  headers: [
    ['X-Webpa-Device-Name', maybeHostile(asker.deviceId, random)],
    ['X-Webpa-Convey', maybeHostile('e30=', random)],
    ['Connection', 'Upgrade'],
    ['Upgrade', maybeHostile('websocket', random)],
  ],
})

const operating = (random: Random): Honest => ({
  server: `${oneOf(['scytale', 'caduceus', 'themis', 'petasos'], random)} operations`,
  method: 'GET',
  path: oneOf(['/livez', '/readyz', '/health', '/metrics', '/gate', '/drain'], random),
  headers: [],
  ...(random(8) === 0 && { method: 'POST', body: hostileJson(random) }),
})

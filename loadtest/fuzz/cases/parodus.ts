/** What a local service and the fabric do to a Parodus: links, messages, tokens, answers, frames. */
import { hello, messageHead } from '#libs/sp/wire.ts'
import type { FuzzCase, Random } from '#loadtest/fuzz/live/target.ts'
import { nested } from './documents.ts'
import { hostileMessage } from './messages.ts'
import { array, integer, map, text } from './msgpack.ts'
import { hostileBytes, hostileText, maybeHostile } from './texts.ts'
import { loadVectors, mutatedVector } from './vectors.ts'
import { hostileFrames } from './ws-frames.ts'

/** The most messages that one case sends. */
const BURST_MAX = 100

/** One of the ways. */
export type ParodusCase = FuzzCase &
  (
    | { kind: 'link'; bytes: Buffer }
    | { kind: 'messages'; messages: readonly Uint8Array[] }
    | { kind: 'frames'; bytes: Buffer }
    | { kind: 'token'; answer: Buffer }
    | { kind: 'answer'; answer: Buffer }
  )

/** What a case may name. */
export interface ParodusSurroundings {
  deviceId: string
  /** Listens as a local service would, and keeps to nothing. */
  serviceUrl: string
  /** The fabric's own, for redirects in a circle. */
  cloudUrl: string
}

/** Makes cases. */
export function createParodusCases(around: ParodusSurroundings): (random: Random) => ParodusCase {
  const vectors = loadVectors()
  const messageOf = (random: Random): Uint8Array => {
    if (random(3) === 0) return mutatedVector(vectors, random)
    if (random(8) === 0) return registration(around, random)
    const own = `${around.deviceId}/${maybeHostile('parodus', random)}`
    return hostileMessage(
      {
        type: 2 + random(10),
        source: maybeHostile(random(2) === 0 ? own : 'self:/config', random),
        dest: random(2) === 0 ? own : maybeHostile('event:a/b', random),
        transaction: maybeHostile(`t-${random(1_000)}`, random),
      },
      random,
    )
  }
  const messages = (random: Random): Uint8Array[] =>
    Array.from({ length: 1 + random(BURST_MAX) }, () => messageOf(random))
  return (random) => {
    switch (random(16)) {
      case 0:
        return bytesCase('token', answerOf(hostileToken(random), random))
      case 1:
      case 2:
        return bytesCase('answer', upgradeAnswer(around, random))
      case 3:
      case 4:
        return bytesCase('frames', hostileFrames(messageOf(random), random, { isServer: true }))
      case 5:
      case 6:
      case 7:
      case 8:
      case 9:
        return linkCase(messages(random), random)
      default: {
        const sent = messages(random)
        return {
          kind: 'messages',
          units: sent.length,
          messages: sent,
          describe: () => sent.map((each) => Buffer.from(each).toString('hex')).join(' '),
        }
      }
    }
  }
}

function bytesCase(kind: 'token' | 'answer' | 'frames', bytes: Buffer): ParodusCase {
  const describe = (): string => bytes.toString('base64')
  return kind === 'frames'
    ? { kind, units: 1, bytes, describe }
    : { kind, units: 1, answer: bytes, describe }
}

/** A link of a local service: mostly a good hello, lengths that lie now and then. */
function linkCase(messages: readonly Uint8Array[], random: Random): ParodusCase {
  const lying = (length: number): Buffer => {
    const head = Buffer.from(messageHead(length))
    if (random(200) === 0)
      head.writeBigUInt64BE([2n ** 64n - 1n, 2n ** 63n, 0n, 4_000_001n][random(4)]!)
    return head
  }
  const greeting = random(12) === 0 ? hostileBytes(random) : Buffer.from(hello('push'))
  const bytes = Buffer.concat([
    greeting,
    ...messages.flatMap((each) => [lying(each.length), Buffer.from(each)]),
  ])
  const cut = random(4) === 0 ? bytes.subarray(0, random(bytes.length + 1)) : bytes
  return { kind: 'link', units: messages.length, bytes: cut, describe: () => cut.toString('hex') }
}

const URLS = [
  'tcp://127.0.0.1:1',
  'tcp://127.0.0.1:0',
  'tcp://[::1',
  'ipc:///x',
  'tcp://127.0.0.1:99999',
]

function registration({ serviceUrl }: ParodusSurroundings, random: Random): Buffer {
  const url = random(3) === 0 ? (URLS[random(URLS.length)] ?? '') : maybeHostile(serviceUrl, random)
  return map([
    [text('msg_type'), integer(9)],
    [text('service_name'), text(random(2) === 0 ? `s${random(40)}` : hostileBytes(random))],
    [text('url'), random(12) === 0 ? array([text(url)]) : text(url)],
  ])
}

const base64 = (value: string): string => Buffer.from(value).toString('base64url')

function hostileToken(random: Random): Buffer {
  const claims = [
    '{"exp":1e999}',
    '{"exp":"x"}',
    `{"exp":${nested(2_000, '[', ']')}}`,
    '{"exp":-1}',
    'null',
  ]
  if (random(2) === 0) {
    return Buffer.from(`${base64('{}')}.${base64(claims[random(claims.length)] ?? '')}.a`)
  }
  // Around what is read of it, and far over.
  if (random(4) === 0) return Buffer.alloc([8_191, 8_192, 8_193, 4_000_000][random(4)] ?? 0, 'a')
  return hostileBytes(random)
}

/** An answer over HTTP that keeps to most of it. */
function answerOf(body: Buffer, random: Random, headers = ''): Buffer {
  const status = random(4) === 0 ? [100, 101, 204, 301, 307, 500, 999, 0][random(8)] : 200
  const length = random(8) === 0 ? [-1, 0, 2 ** 53, 'x'][random(4)] : body.length
  const head = `HTTP/1.1 ${status} ${maybeHostile('OK', random)}\r\nContent-Length: ${length}\r\n${headers}`
  const whole = Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), body])
  return random(12) === 0 ? whole.subarray(0, random(whole.length)) : whole
}

function upgradeAnswer({ cloudUrl }: ParodusSurroundings, random: Random): Buffer {
  const locations = [
    cloudUrl,
    'http://127.0.0.1:1/',
    'file:///etc/passwd',
    'http://user:password@127.0.0.1:1',
    'http://127.0.0.1:99999/',
    `http://127.0.0.1:1/${hostileText(random)}`,
    hostileText(random),
  ]
  if (random(2) === 0) {
    const location = locations[random(locations.length)] ?? ''
    const head = `HTTP/1.1 ${[301, 302, 303, 307, 308][random(5)]} Found\r\nContent-Length: 0\r\nLocation: ${location}\r\n\r\n`
    return Buffer.from(head, 'latin1')
  }
  if (random(3) === 0) {
    const accept = `Upgrade: ${maybeHostile('websocket', random)}\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${hostileText(random)}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n`
    return Buffer.from(`HTTP/1.1 101 x\r\n${accept}\r\n`, 'latin1')
  }
  return answerOf(random(4) === 0 ? Buffer.alloc(1_000_000, 0x61) : hostileBytes(random), random)
}

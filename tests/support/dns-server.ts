/** A name server on loopback, as somebody who registers a name may run one. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** What it says of a name: addresses, `silent` for no answer, or undefined for no such name. */
export type Answer = (name: string) => readonly string[] | 'silent' | undefined

/** The server. */
export interface DnsServer extends AsyncDisposable {
  /** As `CADUCEUS_DNS_SERVERS` takes it. */
  readonly address: string
  /** Names that were asked for, in order. */
  readonly asked: readonly string[]
  setAnswer(answer: Answer): void
}

const TYPE_A = 1
const NO_SUCH_NAME = 3
const HEADER_BYTES = 12

/** Starts it; every answer may be kept for `ttlSeconds`. IPv4 only. */
export async function startDnsServer(answer: Answer, ttlSeconds = 1): Promise<DnsServer> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  let answerOf = answer
  socket.on('message', (query, from) => {
    const { name, type, end } = questionOf(query)
    if (type === TYPE_A) asked.push(name)
    const said = answerOf(name)
    if (said === 'silent') return
    const addresses = type === TYPE_A ? (said ?? []) : []
    const head = Buffer.from(query.subarray(0, end))
    head.writeUInt16BE(0x8180 | (said ? 0 : NO_SUCH_NAME), 2)
    head.writeUInt16BE(addresses.length, 6)
    // Nothing additional comes with it.
    head.writeUInt32BE(0, 8)
    const records = addresses.map((address) => recordOf(address, ttlSeconds))
    socket.send(Buffer.concat([head, ...records]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    setAnswer: (next) => void (answerOf = next),
    async [Symbol.asyncDispose]() {
      socket.close()
      await once(socket, 'close')
    },
  }
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** The name is that of the question. RFC 1035 4.1.3. */
function recordOf(address: string, ttlSeconds: number): Buffer {
  const record = Buffer.alloc(16)
  record.writeUInt16BE(0xc00c, 0)
  record.writeUInt16BE(TYPE_A, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt32BE(ttlSeconds, 6)
  record.writeUInt16BE(4, 10)
  Buffer.from(address.split('.').map(Number)).copy(record, 12)
  return record
}

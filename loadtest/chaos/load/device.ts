/**
 * One device: a websocket that comes back through Petasos with a back-off, runs commands and sends
 * events, as Parodus does.
 */
import { WebSocket } from 'ws'
import { nowMs } from '#loadtest/chaos/clock.ts'
import { wait } from '#libs/retry/wait.ts'
import { decode, encode } from '#libs/wrp/codec.ts'
import { MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import { answerTo, workOf } from './messages.ts'
import { createOutbox } from './outbox.ts'
import type { Connection, ConnectionEnd, EventRecord, Records } from './records.ts'

/** A Talaria that stands still for seconds is waited for. */
const HANDSHAKE_MS = 10_000

/** The close code of a connection that ended without a close frame. RFC 6455 7.4.1. */
const WITHOUT_CLOSE_FRAME = 1006

/** A device. It connects by itself until it is closed. */
export interface Device {
  readonly id: string
  /** Undefined while it is not connected. */
  readonly connection: Connection | undefined
  /** Sends an event; false when it is not connected. */
  readonly send: (event: EventRecord) => boolean
  /** Its Talaria was killed at this moment: what it says later it never said. */
  lost(talaria: string, atMs: number): void
  /** Resolves once the connection has ended; it stays away. */
  close(): Promise<void>
}

/** What {@link createDevice} needs. */
export interface DeviceOptions {
  id: string
  token: string
  petasosUrl: string
  /** The name of the Talaria at this origin. */
  talariaAt: (origin: string) => string
  records: Records
  /** Milliseconds; the first and the longest wait between attempts. */
  backoff: { firstMs: number; maxMs: number }
  /** How long each command is at work; as the command says, unless told. */
  workMs?: number
  /** Seeded: the share of a wait that is left to chance. */
  random: (below: number) => number
}

/** A device that begins to connect. */
export function createDevice(options: DeviceOptions): Device {
  const { id, records, backoff, random } = options
  const closing = new AbortController()
  let socket: WebSocket | undefined
  let connection: Connection | undefined
  let lastEnd: ConnectionEnd = 'lost'
  const write = (message: WrpMessage): boolean => {
    if (!connection || socket?.readyState !== WebSocket.OPEN) return false
    socket.send(encode(message))
    return true
  }
  const outbox = createOutbox({ records, write, signal: closing.signal })
  const finish = (current: Connection, end: ConnectionEnd, atMs = nowMs()): void => {
    current.closedAtMs ??= atMs
    current.end ??= end
    lastEnd = current.end
    if (connection === current) connection = undefined
  }
  const take = (message: WrpMessage, from: WebSocket): void => {
    if (message.msg_type === MSG_TYPE.request) run(message, from, options)
    if (message.msg_type !== MSG_TYPE.event) return
    if (connection && message.session_id) connection.session = message.session_id
    outbox.acknowledge(message)
  }
  /** One connection, from the question to Petasos to its end; whether it was open. */
  const connectOnce = async (): Promise<boolean> => {
    const target = await askPetasos(options, closing.signal)
    if (target === undefined || closing.signal.aborted) return false
    const opening = openSocket(target, options)
    socket = opening
    let current: Connection | undefined
    opening.on('open', () => {
      const talaria = options.talariaAt(new URL(target).origin)
      current = { device: id, talaria, openedAtMs: nowMs() }
      connection = current
      records.connections.push(current)
      outbox.sendAll(lastEnd)
    })
    opening.on('message', (bytes: Buffer) => take(decode(bytes), opening))
    const code = await new Promise<number>((resolve) => opening.on('close', resolve))
    const end = code === WITHOUT_CLOSE_FRAME ? 'lost' : 'orderly'
    if (current) finish(current, closing.signal.aborted ? 'left' : end)
    return current !== undefined
  }
  const stayConnected = async (): Promise<void> => {
    let waitMs = backoff.firstMs
    while (!closing.signal.aborted) {
      if (await connectOnce()) waitMs = backoff.firstMs
      await wait(waitMs * (0.5 + random(500) / 1_000), closing.signal)
      waitMs = Math.min(backoff.maxMs, waitMs * 2)
    }
  }
  const living = stayConnected()
  return {
    id,
    get connection() {
      return connection
    },
    send: outbox.send,
    lost(talaria, atMs) {
      if (connection?.talaria === talaria) finish(connection, 'killed', atMs)
    },
    async close() {
      closing.abort()
      socket?.close()
      await living
    },
  }
}

function openSocket(target: string, { id, token }: DeviceOptions): WebSocket {
  const socket = new WebSocket(target.replace(/^http/, 'ws'), {
    perMessageDeflate: false,
    handshakeTimeout: HANDSHAKE_MS,
    headers: { 'X-Webpa-Device-Name': id, Authorization: `Bearer ${token}` },
  })
  // What went wrong shows in the close that follows.
  socket.on('error', () => undefined)
  return socket
}

function run(command: WrpMessage, from: WebSocket, { id, records, workMs }: DeviceOptions): void {
  const { transaction_uuid: transaction = '' } = command
  records.executions.set(transaction, (records.executions.get(transaction) ?? 0) + 1)
  setTimeout(
    () => {
      if (from.readyState === WebSocket.OPEN) from.send(encode(answerTo(command, id)))
    },
    workMs ?? workOf(command),
  )
}

/** Where the device belongs; undefined when Petasos does not say. */
async function askPetasos(
  { id, petasosUrl }: DeviceOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const response = await fetch(`${petasosUrl}/api/v2/device`, {
      headers: { 'x-webpa-device-name': id },
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(HANDSHAKE_MS)]),
    })
    await response.body?.cancel()
    return response.status === 307 ? (response.headers.get('location') ?? undefined) : undefined
  } catch {
    return undefined
  }
}

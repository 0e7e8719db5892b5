/**
 * One device: a websocket that comes back through Petasos with a back-off, runs commands, sends
 * events and sends those again that were not acknowledged, as Parodus does.
 */
import { WebSocket } from 'ws'
import { nowMs } from '#loadtest/chaos/clock.ts'
import { wait } from '#libs/retry/wait.ts'
import { decode, encode } from '#libs/wrp/codec.ts'
import { MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import { needsAcknowledgement } from '#libs/wrp/qos.ts'
import type { Connection, ConnectionEnd, EventRecord, Records, Resending } from './records.ts'

/** A Talaria that stands still for seconds is waited for. */
const HANDSHAKE_MS = 10_000

/** A refused event is sent again after so long. */
const REFUSED_WAIT_MS = 1_000

/** The part of a transaction's payload that says how long the device is at work. */
export interface CommandPayload {
  workMs: number
}

/** A device. It connects by itself until it is closed. */
export interface Device {
  readonly id: string
  /** Undefined while it is not connected. */
  readonly connection: Connection | undefined
  /** Sends an event; false when it is not connected. */
  send(event: EventRecord): boolean
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
  /** Seeded: the share of a wait that is left to chance. */
  random: (below: number) => number
}

/** A device that begins to connect. */
export function createDevice(options: DeviceOptions): Device {
  const { id, records, backoff, random } = options
  const closing = new AbortController()
  const awaiting = new Map<string, EventRecord>()
  let socket: WebSocket | undefined
  let connection: Connection | undefined
  let lastEnd: ConnectionEnd = 'lost'

  const send = (event: EventRecord): boolean => {
    if (!socket || !connection || socket.readyState !== WebSocket.OPEN) return false
    const message = messageOf(event)
    if (needsAcknowledgement(message)) awaiting.set(event.id, event)
    socket.send(encode(message))
    return true
  }
  const sendAgain = (event: EventRecord, why: Resending['why']): void => {
    if (event.acknowledgedAtMs !== undefined) return
    if (send(event)) event.resent.push({ why, atMs: nowMs() })
  }
  const run = (command: WrpMessage, on: WebSocket): void => {
    const { transaction_uuid: transaction = '' } = command
    records.executions.set(transaction, (records.executions.get(transaction) ?? 0) + 1)
    setTimeout(() => {
      if (on.readyState === WebSocket.OPEN) on.send(encode(answerTo(command, id)))
    }, workOf(command))
  }
  const acknowledge = (message: WrpMessage): void => {
    const event = awaiting.get(message.transaction_uuid ?? '')
    if (connection && message.session_id) connection.session = message.session_id
    if (!event) return
    awaiting.delete(event.id)
    if (Number(message.rdr) === 0) {
      event.acknowledgedAtMs = nowMs()
      return
    }
    records.refusedEvents += 1
    void wait(REFUSED_WAIT_MS, closing.signal).then(() => {
      // Without a connection it goes with the others once there is one.
      awaiting.set(event.id, event)
      sendAgain(event, 'refused')
    })
  }
  const finish = (current: Connection, end: ConnectionEnd, atMs = nowMs()): void => {
    current.closedAtMs ??= atMs
    current.end ??= end
    lastEnd = current.end
    if (connection === current) connection = undefined
  }
  /** One connection, from the question to Petasos to its end; true when it was open. */
  const connectOnce = async (): Promise<boolean> => {
    const target = await askPetasos(options, closing.signal)
    if (target === undefined || closing.signal.aborted) return false
    const opening = new WebSocket(target.replace(/^http/, 'ws'), {
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_MS,
      headers: { 'X-Webpa-Device-Name': id, Authorization: `Bearer ${options.token}` },
    })
    socket = opening
    opening.on('error', () => undefined)
    let current: Connection | undefined
    opening.on('open', () => {
      const talaria = options.talariaAt(new URL(target).origin)
      current = { device: id, talaria, openedAtMs: nowMs() }
      connection = current
      records.connections.push(current)
      for (const event of awaiting.values()) sendAgain(event, lastEnd)
    })
    opening.on('message', (bytes: Buffer) => {
      const message = decode(bytes)
      if (message.msg_type === MSG_TYPE.request) run(message, opening)
      else if (message.msg_type === MSG_TYPE.event) acknowledge(message)
    })
    const code = await new Promise<number>((resolve) => opening.on('close', resolve))
    // 1006: it ended without a close frame.
    const end = closing.signal.aborted ? 'left' : code === 1006 ? 'lost' : 'orderly'
    if (current) finish(current, end)
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
    send,
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

const messageOf = ({ id, device, type, qos }: EventRecord): WrpMessage => ({
  msg_type: MSG_TYPE.event,
  source: `${device}/chaos`,
  dest: `event:${type}/${device}`,
  transaction_uuid: id,
  content_type: 'application/json',
  payload: new TextEncoder().encode(JSON.stringify({ id })),
  qos,
})

const answerTo = (command: WrpMessage, device: string): WrpMessage => {
  const { transaction_uuid: transaction = '', source = '', dest = '' } = command
  return {
    msg_type: MSG_TYPE.request,
    source: dest,
    dest: source,
    transaction_uuid: transaction,
    content_type: 'application/json',
    payload: new TextEncoder().encode(JSON.stringify({ device, transaction })),
  }
}

function workOf({ payload }: WrpMessage): number {
  const { workMs } = JSON.parse(new TextDecoder().decode(payload)) as CommandPayload
  return workMs
}

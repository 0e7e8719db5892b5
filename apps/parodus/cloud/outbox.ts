/**
 * What waits for the fabric: messages of local services while it is away, and events until they
 * are acknowledged. Bounded; the least important goes first.
 */
import { randomUUID } from 'node:crypto'
import type { ParodusMetrics } from '#apps/parodus/metrics.ts'
import { decode, encode } from '#libs/wrp/codec.ts'
import { MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import { needsAcknowledgement } from '#libs/wrp/qos.ts'

interface Entry {
  bytes: Uint8Array
  qos: number
  putAt: number
  /** Set while an acknowledgement is awaited. */
  transaction: string | undefined
  isSent: boolean
}

/** Hands bytes to the connection; false when it did not take them. */
type Send = (bytes: Uint8Array) => boolean

/** Sends what is put in, or keeps it. */
export interface Outbox {
  /** Takes a message; it is sent at once when there is a connection. */
  put(message: WrpMessage): void
  /** The fabric is there: sends all that waits, in order, and again what was not acknowledged. */
  connected(send: Send): void
  /** The fabric is away. */
  disconnected(): void
  /** The fabric has stored an event. */
  acknowledged(transaction: string): void
  readonly count: number
}

/** What {@link createOutbox} needs. */
export interface OutboxOptions {
  messagesMax: number
  bytesMax: number
  /** The fabric would end the connection over a larger one. */
  messageBytesMax: number
  maxAgeMs: number
  metrics: ParodusMetrics
}

/** An empty outbox without a connection. */
export function createOutbox(options: OutboxOptions): Outbox {
  const { messagesMax, bytesMax, messageBytesMax, maxAgeMs, metrics } = options
  const entries = new Set<Entry>()
  let bytes = 0
  let send: Send | undefined

  const remove = (entry: Entry): void => {
    if (!entries.delete(entry)) return
    bytes -= entry.bytes.length
    metrics.queued.set(entries.size)
  }
  const drop = (entry: Entry, reason: 'queue-full' | 'expired' | 'offline'): void => {
    remove(entry)
    metrics.dropped.inc({ reason })
  }
  const makeRoom = (): void => {
    const now = performance.now()
    for (const entry of entries) if (now - entry.putAt > maxAgeMs) drop(entry, 'expired')
    while (entries.size > messagesMax || bytes > bytesMax) {
      const victim = leastImportant(entries)
      if (!victim) return
      drop(victim, 'queue-full')
    }
  }
  const transmit = (entry: Entry): void => {
    if (!send) return
    if (!send(entry.bytes)) {
      // What is acknowledged is sent with the next connection; nothing else waits for that.
      if (entry.transaction === undefined) drop(entry, 'offline')
      return
    }
    metrics.sent.inc()
    entry.isSent = true
    // Only what is acknowledged is kept beyond its sending.
    if (entry.transaction === undefined) remove(entry)
  }
  return {
    put(message) {
      const entry = entryOf(message)
      if (entry.bytes.length > messageBytesMax) return metrics.dropped.inc({ reason: 'too-large' })
      entries.add(entry)
      bytes += entry.bytes.length
      metrics.queued.set(entries.size)
      makeRoom()
      if (entries.has(entry)) transmit(entry)
    },
    connected(sendNow) {
      send = sendNow
      makeRoom()
      for (const entry of entries) transmit(entry)
    },
    disconnected() {
      send = undefined
      for (const entry of entries) entry.isSent = false
    },
    acknowledged(transaction) {
      for (const entry of entries)
        if (entry.transaction === transaction && entry.isSent) return remove(entry)
    },
    get count() {
      return entries.size
    },
  }
}

/** What is acknowledged is known again by its transaction: it gets one when it has none. */
function entryOf(message: WrpMessage): Entry {
  const isAwaited = needsAcknowledgement(message)
  const made =
    isAwaited && !message.transaction_uuid
      ? { ...message, transaction_uuid: randomUUID() }
      : message
  return {
    bytes: encode(made),
    qos: message.qos ?? 0,
    putAt: performance.now(),
    transaction: isAwaited ? made.transaction_uuid : undefined,
    isSent: false,
  }
}

/** The oldest of those with the lowest qos. */
function leastImportant(entries: ReadonlySet<Entry>): Entry | undefined {
  let found: Entry | undefined
  for (const entry of entries) if (!found || entry.qos < found.qos) found = entry
  return found
}

/** The transaction of an acknowledgement from the cloud; undefined for any other message. */
export function acknowledgedTransaction(message: WrpMessage): string | undefined {
  const isAck = message.msg_type === MSG_TYPE.event && message.rdr !== undefined
  return isAck && Number(message.rdr) === 0 ? message.transaction_uuid : undefined
}

/** Reads a message, undefined for bytes that are none. */
export function read(bytes: Uint8Array): WrpMessage | undefined {
  try {
    return decode(bytes)
  } catch {
    return undefined
  }
}

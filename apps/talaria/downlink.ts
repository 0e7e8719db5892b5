/** From NATS to a device: a command, answered once; statistics; and word of a newer connection. */
import type { Msg } from '@nats-io/transport-node'
import { readCommandTimes, replyError, replyReceipt } from '#libs/nats/reply.ts'
import { deviceSubjectKind } from '#libs/nats/subjects.ts'
import { decode } from '#libs/wrp/codec.ts'
import { isTransaction, type WrpMessage } from '#libs/wrp/message.ts'
import type { Device } from './device.ts'
import type { TalariaMetrics } from './metrics.ts'
import { statisticsOf } from './statistics.ts'
import type { Takeover } from './takeover.ts'

/** A command that is not answered by then gets a receipt: it did reach a Talaria. Design §2. */
const RECEIPT_MS = 100

/** What {@link createDownlink} needs. */
export interface DownlinkOptions {
  talariaId: string
  /** How long a command that says nothing may wait for its answer. */
  commandMs: number
  commandsMax: number
  sendBytesMax: number
  takeover: Takeover
  metrics: TalariaMetrics
}

/** Takes what arrives on a device's subjects. */
export interface Downlink {
  onMessage(device: Device, message: Msg): void
}

/** The downlink of all devices. */
export function createDownlink(options: DownlinkOptions): Downlink {
  return {
    onMessage(device, message) {
      const kind = deviceSubjectKind(message.subject)
      if (kind === 'session') options.takeover.onAnnouncement(device, message.data)
      else if (kind === 'stat') message.respond(JSON.stringify(statisticsOf(device)))
      else void command(device, message, options)
    },
  }
}

async function command(device: Device, message: Msg, options: DownlinkOptions): Promise<void> {
  const { metrics } = options
  const refuse = (outcome: string, ...args: [code: 400 | 503 | 504, text: string]): void => {
    metrics.commands.inc({ outcome })
    replyError(message, ...args)
  }
  const { takeByMs, deadlineMs } = readCommandTimes(message)
  // Its caller has been told by now that it reached nobody: then it must not.
  if (takeByMs !== undefined && Date.now() > takeByMs) {
    return void metrics.commands.inc({ outcome: 'late' })
  }
  const wrp = read(message.data)
  if (!wrp) return refuse('malformed', 400, 'the message is no WRP')
  const isFull =
    device.pending.size >= options.commandsMax || device.sendBytes > options.sendBytesMax
  if (isFull) return refuse('queue-full', 503, 'the queue of the device is full')
  if (!isTransaction(wrp.msg_type)) {
    if (!(await device.send(message.data)))
      return refuse('closed', 504, 'that device has been closed')
    metrics.commands.inc({ outcome: 'sent' })
    message.respond()
    return
  }
  const transaction = wrp.transaction_uuid
  if (!transaction) return refuse('malformed', 400, 'transaction_uuid is required')
  if (device.pending.has(transaction)) {
    return refuse('duplicate', 400, 'that transaction is already registered')
  }
  const timeoutMs = deadlineMs === undefined ? options.commandMs : deadlineMs - Date.now()
  const answer = await transact(device, message, transaction, timeoutMs, options)
  if (answer === 'timed-out') return refuse('timed-out', 504, 'the device did not answer in time')
  if (answer === 'closed') return refuse('closed', 504, 'that device has been closed')
  metrics.commands.inc({ outcome: 'answered' })
  message.respond(answer)
}

/** Sends a command and waits for its answer; a receipt goes out while it waits. */
function transact(
  device: Device,
  message: Msg,
  transaction: string,
  timeoutMs: number,
  { talariaId, metrics }: DownlinkOptions,
): Promise<Uint8Array | 'timed-out' | 'closed'> {
  return new Promise((resolve) => {
    const finish = (outcome: Uint8Array | 'timed-out' | 'closed'): void => {
      if (!device.pending.delete(transaction)) return
      clearTimeout(receiptTimer)
      clearTimeout(deadlineTimer)
      resolve(outcome)
    }
    const receiptTimer = setTimeout(() => {
      metrics.receipts.inc()
      replyReceipt(message, talariaId)
    }, RECEIPT_MS)
    const deadlineTimer = setTimeout(() => finish('timed-out'), Math.max(1, timeoutMs))
    device.pending.set(transaction, { settle: (answer) => finish(answer ?? 'closed') })
    void device.send(message.data).then((isSent) => {
      if (!isSent) finish('closed')
    })
  })
}

function read(bytes: Uint8Array): WrpMessage | undefined {
  try {
    return decode(bytes)
  } catch {
    return undefined
  }
}

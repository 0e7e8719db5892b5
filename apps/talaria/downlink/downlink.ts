/**
 * NATS to device: commands, written byte for byte, save an event's missing partners; the answers
 * of the device, found by their `transaction_uuid`; the receipt while the device is at work; the
 * error when no answer comes. talaria.md §4; ADR 19.
 */
import type { Msg } from '@nats-io/transport-node'
import type { TalariaFaults, TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { DownlinkRefusalReason } from '#apps/talaria/reasons.ts'
import type { Device } from '#apps/talaria/session/connection/device.ts'
import type { Logger } from '#libs/log/logger.ts'
import {
  readTimeoutMs,
  replyError,
  replyNotTaken,
  replyReceipt,
  type CommandErrorCode,
} from '#libs/nats/command/reply.ts'
import { traceFields, type Tracer } from '#libs/trace/tracer.ts'
import { decode } from '#libs/wrp/codec.ts'
import { WrpError } from '#libs/wrp/error.ts'
import { namesDevice, parseDeviceId } from '#libs/wrp/locator.ts'
import { isTransaction, type WrpMessage } from '#libs/wrp/message.ts'
import { bytesOf, takeCommand, type Command } from './command.ts'
import { forPartners } from './partners.ts'
import { watchStandstill } from './standstill.ts'
import { Waiting, type Pending } from './waiting.ts'

/** A caller hears after this that the command has reached a Talaria. */
const RECEIPT_MS = 100

/** Before every error, as upstream writes it. talaria.md §4.2. */
const PREFIX = 'Could not process device request: '

/** Takes commands, and gives answers to them. */
export interface Downlink extends Disposable {
  command(device: Device, message: Msg): void
  /** Gives an answer to the command that waits for it; false when none does. */
  answer(device: Device, transactionUuid: string, bytes: Uint8Array): boolean
  /** Sends the receipt of each command that has none yet; of one device, or of all. */
  sendReceipts(device?: Device): void
  /** Ends all that waits for `device`. */
  end(device: Device): void
}

/** What {@link createDownlink} needs. */
export interface DownlinkOptions {
  /** Told in receipts. */
  talariaId: string
  /** The largest answer that NATS takes, in bytes. */
  answerBytesMax: () => number
  timeoutMs: number
  /** How many commands of one device may await their answer. */
  pendingMax: number
  tracer: Tracer | undefined
  metrics: TalariaMetrics
  faults: TalariaFaults
  log: Logger
}

interface Refusal {
  reason: DownlinkRefusalReason
  code: CommandErrorCode
  text: string
}

const DEADLINE: Refusal = {
  reason: 'deadline',
  code: 504,
  text: 'the device did not answer in time',
}

const answerTooLarge = (bytes: number): Refusal => ({
  reason: 'answer-too-large',
  code: 502,
  text: `the answer of the device is over ${bytes} bytes`,
})

const QUEUE_FULL: Refusal = { reason: 'queue-full', code: 503, text: "the device's queue is full" }

const DEVICE_CLOSED: Refusal = {
  reason: 'device-closed',
  code: 504,
  text: 'that device has been closed',
}

const PARTNER_FOREIGN: Refusal = {
  reason: 'partner-foreign',
  code: 403,
  text: "the message names none of the device's partners",
}

/** No caller waits longer, whatever a command says; a timer of more than 24 days would fire at once. */
const WAIT_MS_MAX = 600_000

/** The downlink of all devices. */
export function createDownlink(options: DownlinkOptions): Downlink {
  const { timeoutMs, pendingMax, answerBytesMax, tracer, metrics, faults } = options
  const waiting = new Waiting()
  const standstill = watchStandstill()

  const refuse = (command: Command, { reason, code, text }: Refusal): void => {
    metrics.downlinkRefusals.inc({ reason })
    replyError(command.message, code, PREFIX + text)
    end(command, reason, options)
  }
  const awaitAnswer = (command: Command, uuid: string): void => {
    const { device, message } = command
    // A command that lay here unread has used up its caller's patience: he hears of it at once.
    const receiptMs = standstill.isRecent ? 0 : RECEIPT_MS
    const later = (ms: number, act: () => void): NodeJS.Timeout =>
      setTimeout(() => faults.try('deadline', act, { deviceId: device.id }), ms)
    const deadlineTimer = later(waitMsOf(message, timeoutMs), () => {
      if (!waiting.settle(device, uuid)) return
      metrics.commands.inc({ outcome: 'timed-out' })
      refuse(command, DEADLINE)
    })
    const pending: Pending = {
      command,
      receiptTimer: later(receiptMs, () => sendReceipt(pending, options)),
      deadlineTimer,
    }
    waiting.add(uuid, pending)
  }

  return {
    command(device, message) {
      const command = takeCommand(device, message, tracer)
      if (device.isLeaving) return letPass(command, options)
      const judged = judge(command, waiting.of(device), pendingMax)
      if ('reason' in judged) return refuse(command, judged)
      if (!device.send(judged.bytes)) return refuse(command, QUEUE_FULL)
      if (judged.uuid !== undefined) return awaitAnswer(command, judged.uuid)
      metrics.commands.inc({ outcome: 'written' })
      message.respond()
      end(command, 'written', options)
    },
    answer(device, transactionUuid, bytes) {
      const command = waiting.settle(device, transactionUuid)
      if (!command) return false
      // The client would throw, after the command is settled.
      const bytesMax = answerBytesMax()
      if (bytes.length > bytesMax) {
        refuse(command, answerTooLarge(bytesMax))
        return true
      }
      metrics.commands.inc({ outcome: 'answered' })
      const answer = (): void => {
        command.message.respond(bytes)
        end(command, 'answered', options)
      }
      faults.try('answer', answer, { deviceId: device.id })
      return true
    },
    sendReceipts(device) {
      for (const pending of waiting.all(device)) sendReceipt(pending, options)
    },
    end(device) {
      for (const uuid of waiting.of(device)?.keys() ?? []) {
        const command = waiting.settle(device, uuid)
        if (!command) continue
        metrics.commands.inc({ outcome: 'device-closed' })
        faults.try('answer', () => refuse(command, DEVICE_CLOSED), { deviceId: device.id })
      }
    },
    [Symbol.dispose]: () => standstill[Symbol.dispose](),
  }
}

/** Says, once, that the command is with its device. */
function sendReceipt(pending: Pending, { talariaId, metrics }: DownlinkOptions): void {
  if (!pending.receiptTimer) return
  clearTimeout(pending.receiptTimer)
  pending.receiptTimer = undefined
  metrics.receipts.inc()
  replyReceipt(pending.command.message, talariaId)
}

/** Of a device that is being let go: its caller asks again, and finds it elsewhere. */
function letPass(command: Command, options: DownlinkOptions): void {
  options.metrics.downlinkRefusals.inc({ reason: 'leaving' })
  replyNotTaken(command.message, options.talariaId, true)
  end(command, 'leaving', options)
}

/** From now on, as its caller's clock may be another. */
const waitMsOf = (message: Msg, timeoutMs: number): number =>
  Math.min(readTimeoutMs(message) ?? timeoutMs, WAIT_MS_MAX)

/** What is to be written for a command and how its answer is known, or why nothing may be. */
function judge(
  command: Command,
  pending: ReadonlyMap<string, unknown> | undefined,
  pendingMax: number,
): { bytes: Uint8Array; uuid: string | undefined } | Refusal {
  const { device, message, span } = command
  const read = readCommand(device, message)
  if ('reason' in read) return read
  span?.set({ 'messaging.message.conversation_id': read.transaction_uuid })
  const uuid = isTransaction(read.msg_type) ? (read.transaction_uuid ?? '') : undefined
  const refusal = transactionRefusal(uuid, pending, pendingMax)
  if (refusal) return refusal
  const labelled = forPartners(read, device.identity.partnerIds)
  if (labelled === 'foreign') return PARTNER_FOREIGN
  return { bytes: bytesOf(command, read, labelled), uuid }
}

/** Tells what became of a command, and ends its span. */
function end(
  { device, span }: Command,
  outcome: DownlinkRefusalReason | 'answered' | 'written',
  { log }: DownlinkOptions,
): void {
  log.debug({ deviceId: device.id, outcome, ...traceFields(span?.context) }, 'command ended')
  if (!span) return
  span.set({ 'xmidt.command.outcome': outcome })
  if (outcome !== 'answered' && outcome !== 'written') span.fail(outcome)
  span.end()
}

function transactionRefusal(
  uuid: string | undefined,
  pending: ReadonlyMap<string, unknown> | undefined,
  pendingMax: number,
): Refusal | undefined {
  if (uuid === undefined) return undefined
  if (uuid === '') {
    return { reason: 'transaction-missing', code: 400, text: 'the transaction_uuid is missing' }
  }
  if (pending?.has(uuid)) {
    const text = 'that transaction is already registered'
    return { reason: 'transaction-duplicate', code: 400, text }
  }
  return pending && pending.size >= pendingMax ? QUEUE_FULL : undefined
}

function readCommand(device: Device, message: Msg): WrpMessage | Refusal {
  try {
    const read = decode(message.data)
    const { dest = '' } = read
    if (namesDevice(dest, device.id)) return read
    // Throws for what is no device at all.
    parseDeviceId(dest)
    return { reason: 'dest-foreign', code: 400, text: 'the dest is another device' }
  } catch (error) {
    if (!(error instanceof WrpError)) throw error
    return { reason: 'malformed', code: 400, text: error.message }
  }
}

/**
 * The operator's levers over NATS alone: `nats req xmidt.talaria.<id>.ping|stat|gate|drain` to
 * one Talaria, `xmidt.talarias.ping` to all. JSON in and out: docs/reference/subjects.md.
 */
import type { Msg } from '@nats-io/transport-node'
import type { TalariaFaults, TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { Devices } from '#apps/talaria/session/devices.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { replyError, type ReplyErrorCode } from '#libs/nats/command/reply.ts'
import {
  TALARIAS_PING,
  talariaSubjectKind,
  talariaSubjects,
  type TalariaSubjectKind,
} from '#libs/nats/subjects.ts'
import type { TalariaPing } from '#libs/nats/command/talaria-ping.ts'
import type { TalariaEntry } from '#libs/nats/bucket/talarias.ts'
import manifest from '#package' with { type: 'json' }
import type { Drain } from './drain.ts'
import type { Gate } from './gate.ts'
import { cancelDrain, drainJson, gateJson, orderDrain, orderGate, OrderError } from './orders.ts'

/** An order is a handful of short fields. */
const ORDER_BYTES_MAX = 4_096

/** What {@link attachLevers} needs. */
export interface LeversOptions {
  /** The connection on which the devices' subjects are subscribed, as `ping` answers for them. */
  nats: Nats
  talariaId: string
  gate: Gate
  drain: Drain
  devices: Devices
  /** Sends the receipt of each command that is with a device. */
  sendReceipts: () => void
  /** Where it is and since when, as the bucket TALARIAS has it. */
  place: Omit<TalariaEntry, 'devices' | 'draining'>
  metrics: TalariaMetrics
  faults: TalariaFaults
  log: Logger
}

/** The order's fields, as texts: what the HTTP control API has in its query. */
type Fields = Readonly<Record<string, string>>

/** Answers until disposed. */
export function attachLevers(options: LeversOptions): Disposable {
  const { nats, talariaId, faults } = options
  const subscribed = watchSubscribed(nats)
  const answer = (message: Msg, readKind: () => TalariaSubjectKind | undefined): void => {
    // Without a reply nobody would know what became of it.
    if (!message.reply) return
    faults.try('operator', () => {
      pull(options, message, readKind(), subscribed).catch(faults.of('operator'))
    })
  }
  const subscriptions = [
    nats.connection.subscribe(talariaSubjects(talariaId), {
      callback: (error, message) => {
        if (!error) answer(message, () => talariaSubjectKind(message.subject))
      },
    }),
    nats.connection.subscribe(TALARIAS_PING, {
      callback: (error, message) => {
        if (!error) answer(message, () => 'ping')
      },
    }),
  ]
  return {
    [Symbol.dispose]() {
      subscribed[Symbol.dispose]()
      if (nats.connection.isClosed()) return
      for (const subscription of subscriptions) subscription.unsubscribe()
    },
  }
}

/** Whether NATS has all subscriptions, and since when. */
interface Subscribed {
  readonly isSubscribed: boolean
  /** ISO 8601; another one after each reconnect. */
  readonly since: string
  /** Since then, in milliseconds. */
  readonly ageMs: number
}

/**
 * Whether the server has all subscriptions: after a reconnect not until it answered what was sent
 * behind them. In between, a device that is connected may have no responder.
 */
function watchSubscribed(nats: Nats): Disposable & Subscribed {
  let isSubscribed = nats.isConnected
  let since = new Date().toISOString()
  let sinceAt = performance.now()
  const unlisten = nats.onConnectedChange((isConnected) => {
    isSubscribed = false
    if (!isConnected) return
    nats.connection.flush().then(
      () => {
        since = new Date().toISOString()
        sinceAt = performance.now()
        isSubscribed = nats.isConnected
      },
      // Lost again: the next return asks again.
      () => undefined,
    )
  })
  return {
    get isSubscribed() {
      return isSubscribed
    },
    get since() {
      return since
    },
    get ageMs() {
      return performance.now() - sinceAt
    },
    [Symbol.dispose]: unlisten,
  }
}

/** Carries out one order and answers. Never rejects. */
async function pull(
  options: LeversOptions,
  message: Msg,
  lever: TalariaSubjectKind | undefined,
  subscribed: Subscribed,
): Promise<void> {
  const { metrics, log } = options
  const count = (outcome: 'done' | 'refused'): void =>
    metrics.operatorRequests.inc({ kind: lever ?? 'unknown', outcome })
  const refuse = (code: ReplyErrorCode, text: string): void => {
    count('refused')
    replyError(message, code, text)
  }
  if (lever === undefined) return refuse(404, 'there is ping, stat, gate and drain')
  if (message.data.length > ORDER_BYTES_MAX) return refuse(413, `over ${ORDER_BYTES_MAX} bytes`)
  try {
    const fields = readFields(message.data)
    const answer = await LEVERS[lever](options, fields, subscribed)
    const isOrder = lever !== 'ping' && Object.keys(fields).length > 0
    if (isOrder) log.info({ lever, ...fields }, 'lever pulled over nats')
    count('done')
    message.respond(JSON.stringify(answer))
  } catch (error) {
    if (error instanceof OrderError) {
      return refuse(error.code === 'ORDER_INVALID' ? 400 : 409, error.message)
    }
    log.error({ lever, error: String(error) }, 'lever failed')
    refuse(500, 'an unexpected error, which is logged')
  }
}

const LEVERS: Readonly<
  Record<
    TalariaSubjectKind,
    (options: LeversOptions, fields: Fields, subscribed: Subscribed) => object | Promise<object>
  >
> = {
  ping({ talariaId, sendReceipts }, fields, { isSubscribed, since, ageMs }): TalariaPing {
    allowOnly(fields, ['receipts'])
    const answer = { id: talariaId, subscribed: isSubscribed, since }
    if (fields.receipts === undefined) return answer
    // Before the answer, on the same connection: so it comes behind them.
    sendReceipts()
    return { ...answer, ageMs }
  },
  stat({ talariaId, devices, gate, drain, place }, fields) {
    allowOnly(fields, [])
    return {
      id: talariaId,
      version: manifest.version,
      ...place,
      devices: devices.count,
      gate: gateJson(gate),
      drain: drainJson(drain),
    }
  },
  gate({ gate }, fields) {
    allowOnly(fields, ['open'])
    if (fields.open !== undefined) orderGate(gate, fields.open)
    return gateJson(gate)
  },
  async drain({ drain, devices }, fields) {
    if (fields.cancel !== undefined) {
      allowOnly(fields, ['cancel'])
      if (fields.cancel !== 'true') throw new OrderError('ORDER_INVALID', 'cancel can only be true')
      await cancelDrain(drain)
    } else if (Object.keys(fields).length > 0) {
      orderDrain(drain, fields, devices.count)
    }
    return drainJson(drain)
  },
}

function allowOnly(fields: Fields, names: readonly string[]): void {
  const unknown = Object.keys(fields).find((name) => !names.includes(name))
  if (unknown !== undefined)
    throw new OrderError('ORDER_INVALID', `there is no parameter ${unknown}`)
}

/** Nothing at all is an order without fields: it asks. */
function readFields(bytes: Uint8Array): Fields {
  if (bytes.length === 0) return {}
  const invalid = (text: string): OrderError => new OrderError('ORDER_INVALID', text)
  let read: unknown
  try {
    read = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw invalid('the order is no JSON')
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) {
    throw invalid('the order is no JSON object')
  }
  const texts = Object.entries(read).map(([name, value]: [string, unknown]): [string, string] => {
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      throw invalid(`the ${name} parameter is not valid`)
    }
    return [name, String(value)]
  })
  return Object.fromEntries(texts)
}

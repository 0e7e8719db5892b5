/** The callers of a run: commands to devices through every Scytale that is up, at a rate. */
import { nowMs } from '#loadtest/chaos/clock.ts'
import type { Fabric } from '#loadtest/chaos/fabric/fabric.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { MSG_TYPE } from '#libs/wrp/message.ts'
import { createCaller, type Caller } from '#tests/support/caller.ts'
import type { CommandPayload } from './messages.ts'
import { atRate, missingDeviceIdOf } from './fleet.ts'
import type { CommandRecord, Records } from './records.ts'

/** Whoever has no answer after this long gets none: the slowest definite one takes some ten seconds. */
const ANSWER_MS = 45_000

/**
 * So many may await their answer; while there are more, none is sent. A fabric that cannot answer for
 * a while is not the one that is to be shown to break by what piles up at its callers.
 */
const UNDER_WAY_MAX = 200

/** One command in so many is for a device that never was. */
const MISSING_EVERY = 20

/** One in so many is work that takes its time, so that some is under way whatever happens. */
const SLOW_EVERY = 8
const SLOW_MS = 900
const QUICK_MS = 30

/** What {@link sendCommands} needs. */
export interface CommandsOptions {
  fabric: Fabric
  records: Records
  /** Ids of devices to choose from. */
  devices: readonly string[]
  perSecond: number
  random: (below: number) => number
  signal: AbortSignal
}

/** Sends commands until the signal aborts; resolves once each has its answer or will have none. */
export async function sendCommands(options: CommandsOptions): Promise<void> {
  const { fabric, records, devices, perSecond, random, signal } = options
  const callers = new Map(
    fabric.scytales.map(({ name, url }) => [name, createCaller(url, fabric.callerAuthorization)]),
  )
  const underWay = new Set<Promise<void>>()
  let count = 0
  await atRate(perSecond, signal, () => {
    const up = fabric.scytales.filter(({ isUp }) => isUp)
    const scytale = up[random(up.length || 1)]
    const isMissing = random(MISSING_EVERY) === 0
    const isSlow = random(SLOW_EVERY) === 0
    const workMs = random(isSlow ? SLOW_MS : QUICK_MS)
    const index = random(devices.length)
    // A load balancer sends nothing to an instance that is being ended.
    const caller = scytale && callers.get(scytale.name)
    if (!scytale || !caller || underWay.size >= UNDER_WAY_MAX) return
    count += 1
    const record: CommandRecord = {
      transaction: `command-${count}`,
      device: isMissing ? missingDeviceIdOf(index) : (devices[index] ?? ''),
      isMissing,
      scytale: scytale.name,
      sentAtMs: nowMs(),
    }
    records.commands.set(record.transaction, record)
    const asking = ask(caller, record, { workMs }).finally(() => underWay.delete(asking))
    underWay.add(asking)
  })
  await Promise.all(underWay)
}

async function ask(caller: Caller, record: CommandRecord, payload: CommandPayload): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), ANSWER_MS)
  })
  try {
    const { status, message, text } = await Promise.race([
      caller.send({
        msg_type: MSG_TYPE.request,
        source: 'dns:chaos.example',
        dest: `${record.device}/chaos`,
        transaction_uuid: record.transaction,
        content_type: 'application/json',
        payload: new TextEncoder().encode(JSON.stringify(payload)),
      }),
      late,
    ])
    record.status = status
    if (message) {
      const answer = JSON.parse(text) as { device?: string; transaction?: string }
      record.isOwnAnswer =
        message.transaction_uuid === record.transaction &&
        parseDeviceId(message.source ?? '') === record.device &&
        answer.device === record.device &&
        answer.transaction === record.transaction
    } else record.text = text
  } catch (error) {
    record.failure = codeOf(error)
  } finally {
    clearTimeout(timer)
    record.answeredAtMs = nowMs()
  }
}

/** Of what fetch threw, the innermost reason. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause instanceof Error) return codeOf(error.cause)
  return 'code' in error ? String(error.code) : error.message
}

/** No room left for events: on the disk, and by JetStream's own limit. */
import { nowMs } from '#loadtest/chaos/clock.ts'
import { createDisk, type Disk } from '#loadtest/chaos/fabric/disk.ts'
import type { EventRecord } from '#loadtest/chaos/load/records.ts'
import { verdict, type Verdict } from '#loadtest/chaos/promises/verdict.ts'
import { startRig, type Rig } from '#loadtest/chaos/rig.ts'
import type { Outcome, RunOptions, Scenario, Setting } from '#loadtest/chaos/scenario.ts'
import { wait } from '#libs/retry/wait.ts'
import {
  COMMAND_PROMISES,
  EVENT_PROMISES,
  FABRIC,
  LOAD,
  PROCESS_PROMISES,
  WEBHOOKS,
} from './parts.ts'

/** What JetStream needs for its own files, three servers on it, and some seconds of events. */
const DISK_BYTES = 48 * 1024 * 1024

/** Less than a server has after some seconds. */
const LIMIT_BYTES = 4_096

const BEFORE_MS = 6_000

/** A Talaria tries for 15 s before it refuses; readiness may take as long. */
const FULL_MS = 30_000
const ANSWER_MS = 20_000

/** From the server's restart on. */
const READY_MS = 30_000
const AFTER_MS = 10_000
const POLL_MS = 250

/** Its length is given by what it does. */
export const fullDisk: Scenario = {
  name: 'full-disk',
  about:
    'no room for events, by the disk or by a limit: refused, told by /readyz, nothing acknowledged is lost',
  run,
}

async function run(options: RunOptions): Promise<Outcome> {
  await using disk = await createDisk(DISK_BYTES)
  if (!disk) options.tell('this machine lets nobody mount: only the limit is tried')
  const setting: Setting = {
    fabric: { ...FABRIC, ...(disk && { disk }) },
    load: LOAD,
    webhooks: WEBHOOKS,
  }
  await using rig = await startRig(setting, options)
  const verdicts: Verdict[] = []
  await rig.underLoad(async () => {
    if (disk) verdicts.push(...(await withFullDisk(rig, disk, options.signal)))
    if (!options.signal.aborted) verdicts.push(...(await withLimit(rig, options.signal)))
  })
  await rig.settle()
  const evidence = rig.evidence()
  const promises = [...EVENT_PROMISES, ...COMMAND_PROMISES, ...PROCESS_PROMISES]
  return {
    scenario: fullDisk.name,
    seed: options.seed,
    verdicts: [...verdicts, ...promises.map((check) => check(evidence))],
    figures: { 'refusals of events': String(rig.records.refusedEvents) },
  }
}

async function withFullDisk(rig: Rig, disk: Disk, signal: AbortSignal): Promise<Verdict[]> {
  await wait(BEFORE_MS, signal)
  rig.tell('the disk is full')
  disk.fill()
  return untilRoom(rig, 'the disk is full', signal, async () => {
    rig.tell('there is room again, and nats-server is restarted')
    disk.free()
    await restartNats(rig)
  })
}

async function withLimit(rig: Rig, signal: AbortSignal): Promise<Verdict[]> {
  await wait(BEFORE_MS, signal)
  rig.tell(`nats-server is restarted with a limit of ${LIMIT_BYTES} bytes`)
  rig.fabric.nats.setStoreLimit(LIMIT_BYTES)
  await restartNats(rig)
  return untilRoom(rig, 'the limit is reached', signal, async () => {
    rig.tell('nats-server is restarted without the limit')
    rig.fabric.nats.setStoreLimit(undefined)
    await restartNats(rig)
  })
}

/** One after the other, as an operator does. */
async function restartNats({ fabric }: Rig): Promise<void> {
  for (const member of fabric.nats.members) {
    await member.end()
    await member.start()
  }
}

/** What holds while there is no room, and once `makeRoom` has made some. */
async function untilRoom(
  rig: Rig,
  why: string,
  signal: AbortSignal,
  makeRoom: () => Promise<void>,
): Promise<Verdict[]> {
  const fullAtMs = nowMs()
  const saidMs = await readyWithin(rig, false, FULL_MS, signal)
  await wait(FULL_MS - (nowMs() - fullAtMs), signal)
  const untilMs = nowMs()
  // What was said in passing, as the server was away for a moment, does not count.
  const isStillSaid = (await readyWithin(rig, false, POLL_MS, signal)) !== undefined
  const sentMeanwhile = sentIn(rig, fullAtMs, untilMs - ANSWER_MS)
  const isAnswered = ({ acknowledgedAtMs, refusedAtMs }: EventRecord): boolean =>
    (acknowledgedAtMs ?? refusedAtMs) !== undefined
  const refused = sentMeanwhile.filter(({ refusedAtMs }) => refusedAtMs !== undefined)
  const answered = {
    ...verdict(
      `an event is acknowledged or refused within 20 s (${why})`,
      sentMeanwhile.length,
      sentMeanwhile.filter((event) => !isAnswered(event)),
      ({ id, device }) => `${id} of ${device}`,
    ),
    note: `${refused.length} were refused`,
  }
  await makeRoom()
  const returnedAtMs = nowMs()
  const backMs = await readyWithin(rig, true, READY_MS, signal)
  await wait(AFTER_MS, signal)
  const after = sentIn(rig, returnedAtMs + (backMs ?? READY_MS), nowMs() - AFTER_MS / 2)
  return [
    took(`/readyz of the Talarias says so (${why})`, isStillSaid ? saidMs : undefined),
    answered,
    took(`they are ready again once there is room (${why})`, backMs),
    verdict(
      `and events are acknowledged again (${why})`,
      after.length,
      after.filter(({ acknowledgedAtMs }) => acknowledgedAtMs === undefined),
      ({ id, device }) => `${id} of ${device}`,
    ),
  ]
}

const sentIn = ({ records }: Rig, fromMs: number, untilMs: number): EventRecord[] =>
  [...records.events.values()].filter(
    ({ qos, sentAtMs }) => qos >= 25 && sentAtMs >= fromMs && sentAtMs <= untilMs,
  )

function took(promise: string, ms: number | undefined): Verdict {
  const found = verdict(promise, 1, ms === undefined ? [ms] : [], () => 'it did not')
  return ms === undefined ? found : { ...found, note: `after ${(ms / 1_000).toFixed(1)} s` }
}

/** How long it took until every Talaria was ready, or none was; undefined when it took too long. */
async function readyWithin(
  { fabric }: Rig,
  isReady: boolean,
  withinMs: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const startedAt = performance.now()
  while (performance.now() - startedAt < withinMs) {
    const states = await Promise.all(
      fabric.talarias.map(async ({ operationsUrl }) => {
        const response = await fetch(`${operationsUrl}/readyz`)
        await response.body?.cancel()
        return response.ok
      }),
    )
    if (states.every((state) => state === isReady)) return performance.now() - startedAt
    if (!(await wait(POLL_MS, signal))) break
  }
  return undefined
}

/** NATS loses its data, and its streams are deleted: the apps go on, and all comes back by itself. */
import { rmSync } from 'node:fs'
import { nowMs } from '#loadtest/chaos/clock.ts'
import { processesStay } from '#loadtest/chaos/promises/processes.ts'
import { acknowledgedArrive } from '#loadtest/chaos/promises/events.ts'
import type { EventRecord } from '#loadtest/chaos/load/records.ts'
import { verdict, type Check, type Verdict } from '#loadtest/chaos/promises/verdict.ts'
import { startRig, type Rig } from '#loadtest/chaos/rig.ts'
import type { Outcome, RunOptions, Scenario, Setting } from '#loadtest/chaos/scenario.ts'
import { wait } from '#libs/retry/wait.ts'
import { COMMAND_PROMISES, FABRIC, LOAD, WEBHOOKS } from './parts.ts'

const SETTING: Setting = { fabric: FABRIC, load: LOAD, webhooks: WEBHOOKS }

/** How long the fabric is watched in each state. */
const STEP_MS = 5_000

/** From the streams' return on, until events must be acknowledged again. */
const RETURN_MS = 20_000

/** What was sent so shortly before the next loss may be lost with it. */
const DELIVERY_MS = 5_000

/** And how long it then goes on. */
const AFTER_MS = 20_000

/** Its length is given by what it does. */
export const natsLoss: Scenario = {
  name: 'nats-loss',
  about:
    'nats-server comes back empty, then its streams are deleted: no app is restarted, all goes on',
  run,
}

/** One loss: from when on nothing counted any more, and from when on all must hold again. */
interface Loss {
  what: string
  returnedAtMs: number
  /** Some time before the next loss, or the end. */
  untilMs: number
}

async function run(options: RunOptions): Promise<Outcome> {
  await using rig = await startRig(SETTING, options)
  const { fabric, tell } = rig
  const pause = (ms: number): Promise<boolean> => wait(ms, options.signal)
  const losses: Loss[] = []
  const lose = async (what: string, act: () => Promise<void>): Promise<void> => {
    tell(what)
    await act()
    await pause(STEP_MS)
    await fabric.nats.applyStreams()
    const returnedAtMs = nowMs()
    tell('the streams are made anew')
    await pause(RETURN_MS + AFTER_MS)
    losses.push({ what, returnedAtMs, untilMs: nowMs() - DELIVERY_MS })
  }
  await rig.underLoad(async () => {
    await pause(STEP_MS)
    await lose('every nats-server is killed and comes back empty', async () => {
      await Promise.all(fabric.nats.members.map((member) => member.kill()))
      for (const directory of fabric.nats.storeDirectories) rmSync(directory, { recursive: true })
      await Promise.all(fabric.nats.members.map((member) => member.start()))
    })
    if (!options.signal.aborted) {
      await lose('every stream is deleted', () => fabric.nats.deleteStreams())
    }
  })
  await rig.settle((event) => losses.some((loss) => isOwed(event, loss)))
  const evidence = rig.evidence()
  return {
    scenario: natsLoss.name,
    seed: options.seed,
    verdicts: [
      ...losses.flatMap((loss) => judge(rig, loss)),
      ...[...COMMAND_PROMISES, processesStay].map((check: Check) => check(evidence)),
    ],
    figures: { 'events in all': String(rig.records.events.size) },
  }
}

const isOwed = ({ sentAtMs }: EventRecord, { returnedAtMs, untilMs }: Loss): boolean =>
  sentAtMs > returnedAtMs && sentAtMs < untilMs

function judge(rig: Rig, loss: Loss): Verdict[] {
  const { records } = rig
  const events = new Map([...records.events].filter(([, event]) => isOwed(event, loss)))
  const acknowledgedAt = [...events.values()].flatMap(
    ({ acknowledgedAtMs }) => acknowledgedAtMs ?? [],
  )
  const firstMs = Math.min(...acknowledgedAt) - loss.returnedAtMs
  const asking = [...events.values()].filter(
    ({ qos, sentAtMs }) => qos >= 25 && sentAtMs > loss.returnedAtMs + RETURN_MS,
  )
  return [
    {
      ...verdict(
        `afterwards events are acknowledged (${loss.what})`,
        asking.length,
        asking.filter(({ acknowledgedAtMs }) => acknowledgedAtMs === undefined),
        ({ id, device }) => `${id} of ${device}`,
      ),
      note: `the first ${(firstMs / 1_000).toFixed(1)} s after the streams were back`,
    },
    {
      ...acknowledgedArrive({ ...rig.evidence(), records: { ...records, events } }),
      promise: `afterwards they reach every webhook (${loss.what})`,
    },
  ]
}

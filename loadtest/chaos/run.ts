/** Runs a scenario that goes by a schedule: fabric, load, faults, time to settle, checks. */
import { createRandom } from '#loadtest/random.ts'
import { wait } from '#libs/retry/wait.ts'
import { startFabric, type Fabric } from './fabric/fabric.ts'
import { inject } from './inject.ts'
import { sendCommands } from './load/commands.ts'
import { startFleet, type Fleet } from './load/fleet.ts'
import { createRecords, type Records } from './load/records.ts'
import { startWebhooks, type Webhooks } from './load/webhooks.ts'
import { settleDeliveries, settlePresence } from './settle.ts'
import type { Outcome, RunOptions, Scheduled } from './scenario.ts'
import { describeSchedule, makeSchedule, type Fault, type Target } from './schedule.ts'

/** Between two lines of progress. */
const TELL_MS = 5_000

/** The load has its own numbers: what it takes does not move the schedule. */
const LOAD_SEED = 0x9e3779b9

/** The processes that a scenario's faults may befall, by the names that they will have. */
export function targetsOf(
  { fabric, webhooks }: Pick<Scheduled, 'fabric' | 'webhooks'>,
  isCluster: boolean,
): Target[] {
  const numbered = (role: Target['role'], count: number): Target[] =>
    Array.from({ length: count }, (_, index) => ({ name: `${role}-${index + 1}`, role }))
  return [
    ...numbered('nats', isCluster ? 3 : 1),
    ...numbered('talaria', fabric.talarias),
    ...numbered('petasos', 1),
    ...numbered('scytale', fabric.scytales),
    ...numbered('caduceus', fabric.caduceuses),
    ...webhooks.map(({ name }): Target => ({ name, role: 'receiver' })),
  ]
}

/** The schedule of a run. */
export const scheduleOf = (
  scheduled: Scheduled,
  { seconds, seed, isCluster }: Pick<RunOptions, 'seconds' | 'seed' | 'isCluster'>,
): Fault[] =>
  makeSchedule({ plan: scheduled.plan, targets: targetsOf(scheduled, isCluster), seconds, seed })

/** Runs it. @throws when the fabric cannot be started, or the run is aborted. */
export async function runScheduled(
  name: string,
  scheduled: Scheduled,
  options: RunOptions,
): Promise<Outcome> {
  const { seconds, seed, isCluster, isKept, signal, tell } = options
  const faults = scheduleOf(scheduled, options)
  for (const line of describeSchedule(faults)) tell(line)
  const random = createRandom((seed ^ LOAD_SEED) >>> 0)
  const records = createRecords()
  await using fabric = await startFabric({ ...scheduled.fabric, isCluster }, isKept)
  if (isKept) tell(`logs in ${fabric.directory}`)
  using webhooks = await startWebhooks(fabric, scheduled.webhooks)
  const { load } = scheduled
  const fleet = await startFleet({
    fabric,
    records,
    count: options.devices ?? load.devices,
    random,
  })
  tell(`${fleet.devices.length} devices are connected, the load begins`)
  const progress = createProgress({ records, webhooks, fleet, tell })
  try {
    await underLoad({ fabric, fleet, records, load, random, seconds, signal }, () =>
      inject({ members: fabric.members, faults, signal, onFault: progress.onFault }),
    )
    signal.throwIfAborted()
    await settleDeliveries({ records, webhooks, signal, tell })
    if (scheduled.isPresenceChecked) await fleet.close()
    const sessions = scheduled.isPresenceChecked
      ? await settlePresence({ nats: fabric.nats, records, signal, tell })
      : undefined
    const evidence = {
      records,
      webhooks: webhooks.all,
      members: fabric.members,
      refusals: fabric.nats.refusals(),
      sessions,
    }
    return {
      scenario: name,
      seed,
      verdicts: scheduled.promises.map((check) => check(evidence)),
      figures: { faults: String(faults.length) },
    }
  } finally {
    progress.end()
    await fleet.close()
  }
}

interface LoadParts {
  fabric: Fabric
  fleet: Fleet
  records: Records
  load: Scheduled['load']
  random: (below: number) => number
  seconds: number
  signal: AbortSignal
}

/** The load runs for `seconds`, and longer where the faults are not over by then. */
async function underLoad(parts: LoadParts, faulting: () => Promise<void>): Promise<void> {
  const { fabric, fleet, records, load, random, seconds, signal } = parts
  const stopping = new AbortController()
  const until = AbortSignal.any([signal, stopping.signal])
  const devices = fleet.devices.map(({ id }) => id)
  const loading = Promise.all([
    fleet.sendEvents(load.eventsPerSecond, until),
    sendCommands({
      fabric,
      records,
      devices,
      perSecond: load.commandsPerSecond,
      random,
      signal: until,
    }),
  ])
  try {
    await Promise.all([faulting(), wait(seconds * 1_000, signal)])
  } finally {
    stopping.abort()
    // Whoever interrupts does not wait for the answers that are still owed.
    if (!signal.aborted) await loading
  }
}

function createProgress({
  records,
  webhooks,
  fleet,
  tell,
}: {
  records: Records
  webhooks: Webhooks
  fleet: Fleet
  tell: (line: string) => void
}): { onFault: (fault: Fault, index: number) => void; end: () => void } {
  const startedAt = performance.now()
  const seconds = (): string => ((performance.now() - startedAt) / 1_000).toFixed(1).padStart(7)
  const timer = setInterval(() => {
    const delivered = webhooks.all.reduce((sum, { deliveries }) => sum + deliveries.size, 0)
    tell(
      `${seconds()} s  ${fleet.connectedCount} connected, ${records.events.size} events, ` +
        `${delivered} delivered, ${records.commands.size} commands`,
    )
  }, TELL_MS)
  return {
    onFault({ action, target, lastsMs }) {
      const lasts = lastsMs === undefined ? 'for good' : `for ${(lastsMs / 1_000).toFixed(1)} s`
      tell(`${seconds()} s  ${action} ${target} ${lasts}`)
    },
    end: () => clearInterval(timer),
  }
}

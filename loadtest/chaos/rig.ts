/** What every run has: the fabric, its devices and webhooks, the records of all, and load on demand. */
import { createRandom } from '#loadtest/random.ts'
import { startFabric, type Fabric } from './fabric/fabric.ts'
import { sendCommands } from './load/commands.ts'
import { startFleet, type Fleet } from './load/fleet.ts'
import { createRecords, type EventRecord, type Records } from './load/records.ts'
import { watchStalls } from './load/stalls.ts'
import { startWebhooks, type Webhooks } from './load/webhooks.ts'
import type { Session } from './promises/presence.ts'
import type { Evidence } from './promises/verdict.ts'
import type { RunOptions, Setting } from './scenario.ts'
import { settleDeliveries } from './settle.ts'

/** Between two lines of progress. */
const TELL_MS = 5_000

/** The load has its own numbers: what it takes does not move the schedule. */
const LOAD_SEED = 0x9e3779b9

/** A running rig. Disposing it ends everything. */
export interface Rig extends AsyncDisposable {
  readonly fabric: Fabric
  readonly records: Records
  readonly webhooks: Webhooks
  readonly fleet: Fleet
  /** Tells a line with the time since the begin. */
  readonly tell: (line: string) => void
  /** The load runs while `act` does. @throws when the run was aborted. */
  underLoad(act: () => Promise<unknown>): Promise<void>
  /** Waits for what is owed, for a bounded time: every event unless told. */
  settle(isOwed?: (event: EventRecord) => boolean): Promise<void>
  evidence(sessions?: ReadonlyMap<string, Session>): Evidence
}

/** What a rig may be told besides its setting. */
export interface RigOptions {
  backoff?: { firstMs: number; maxMs: number }
  /** Called before the devices connect. */
  onFabric?: (fabric: Fabric) => Promise<void>
}

/** Starts all; resolves once every device is connected and every webhook registered. */
export async function startRig(
  setting: Setting,
  options: RunOptions,
  { backoff, onFabric }: RigOptions = {},
): Promise<Rig> {
  const { seed, isCluster, isKept, signal } = options
  const random = createRandom((seed ^ LOAD_SEED) >>> 0)
  const records = createRecords()
  await using starting = new AsyncDisposableStack()
  starting.use(watchStalls(records))
  const fabric = starting.use(await startFabric({ ...setting.fabric, isCluster }, isKept))
  if (isKept) options.tell(`logs in ${fabric.directory}`)
  await onFabric?.(fabric)
  const webhooks = starting.use(await startWebhooks(fabric, setting.webhooks))
  const count = options.devices ?? setting.load.devices
  const fleet = await startFleet({ fabric, records, count, random, ...(backoff && { backoff }) })
  starting.defer(() => fleet.close())
  options.tell(`${count} devices are connected, the load begins`)
  const startedAt = performance.now()
  const tell = (line: string): void => {
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
    options.tell(`${seconds.padStart(7)} s  ${line}`)
  }
  const timer = setInterval(() => {
    tell(progressOf({ fleet, webhooks, records }))
  }, TELL_MS)
  starting.defer(() => clearInterval(timer))
  const running = starting.move()
  return {
    fabric,
    records,
    webhooks,
    fleet,
    tell,
    async underLoad(act) {
      const { eventsPerSecond, commandsPerSecond } = setting.load
      const stopping = new AbortController()
      const until = AbortSignal.any([signal, stopping.signal])
      const devices = fleet.devices.map(({ id }) => id)
      const loading = Promise.all([
        fleet.sendEvents(eventsPerSecond, until),
        sendCommands({
          fabric,
          records,
          devices,
          perSecond: commandsPerSecond,
          random,
          signal: until,
        }),
      ])
      try {
        await act()
      } finally {
        stopping.abort()
        // Whoever interrupts does not wait for the answers that are still owed.
        if (!signal.aborted) await loading
      }
      signal.throwIfAborted()
    },
    settle: (isOwed = () => true) => settleDeliveries({ records, webhooks, isOwed, signal, tell }),
    evidence: (sessions) => ({
      records,
      webhooks: webhooks.all,
      members: fabric.members,
      refusals: fabric.nats.refusals(),
      sessions,
    }),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function progressOf({ fleet, webhooks, records }: Pick<Rig, 'fleet' | 'webhooks' | 'records'>) {
  const delivered = webhooks.all.reduce((sum, { deliveries }) => sum + deliveries.size, 0)
  return (
    `${fleet.connectedCount} connected, ${records.events.size} events, ` +
    `${delivered} delivered, ${records.commands.size} commands`
  )
}

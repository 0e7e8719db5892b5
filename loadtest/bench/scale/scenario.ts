/**
 * Whether cost grows in a line: devices on one Talaria, then as many again on a second and a third.
 * The R² of a line through the points is 1 when the next device costs what the first did. A process
 * has no more open files than the machine allows, so 30,000 devices are three Talarias and three
 * generators.
 */
import { wait } from '#libs/retry/wait.ts'
import { startChild, type Child } from '#loadtest/bench/child.ts'
import type { Connected, Prepared } from '#loadtest/bench/connect/devices.ts'
import { cpuSeconds, residentKiB } from '#loadtest/bench/counters.ts'
import { startNats, startTalaria } from '#loadtest/bench/fabric.ts'
import type { Figure, Goal, Outcome, Scenario } from '#loadtest/bench/scenario.ts'
import { fitLine } from '#loadtest/bench/statistics.ts'
import { measureWebhooks } from './webhooks.ts'

const TALARIAS = 3

const DEVICES_EACH = 10_000

/** Looked at after so many devices of the first Talaria, and after all of each further one. */
const STEPS = [1_000, 4_000, 7_000, DEVICES_EACH] as const

/** Connects under way. */
const AT_ONCE = 200

/** Until what connecting left behind is done. */
const CALM_MS = 4_000

/** The least that counts as a line. */
const R2_MIN = 0.98

/** What all devices together take at one moment, over what there was without any. */
interface Point {
  talarias: number
  devices: number
  connectSeconds: number
  natsConnectSeconds: number
  mib: number
  natsMib: number
}

/** No bare baseline: the cost of the last devices is compared with that of the first. */
export const scenario: Scenario = {
  about:
    'whether cost grows in a line: 1,000 to 30,000 devices, 1 to 3 Talarias, 1 to 1,000 webhooks',
  async run(say) {
    const devices = await measureDevices(say)
    const webhooks = await measureWebhooks(say)
    return {
      figures: [...devices.figures, ...webhooks.figures],
      goals: [...devices.goals, ...webhooks.goals],
    }
  },
}

async function measureDevices(say: (progress: string) => void): Promise<Outcome> {
  await using running = new AsyncDisposableStack()
  const nats = running.use(await startNats())
  const natsPid = nats.server.pid
  const pids: number[] = []
  const points: Point[] = []
  let base = { cpu: 0, kib: 0, natsCpu: 0, natsKib: 0 }
  const look = () => ({
    cpu: cpuSeconds(pids),
    kib: pids.reduce((sum, pid) => sum + residentKiB(pid), 0),
    natsCpu: cpuSeconds([natsPid]),
    natsKib: residentKiB(natsPid),
  })
  for (let talarias = 1; talarias <= TALARIAS; talarias += 1) {
    const devices = running.use(startChild('loadtest/bench/connect/devices.ts'))
    const order = { act: 'prepare', count: DEVICES_EACH, first: (talarias - 1) * DEVICES_EACH }
    const { jwksUrl } = await devices.ask<Prepared>(order)
    if (talarias === 1) await warmUp(devices, await startTalaria(nats, jwksUrl))
    const talaria = running.use(await startTalaria(nats, jwksUrl))
    await wait(CALM_MS)
    const before = look()
    pids.push(talaria.pid)
    const own = { cpu: cpuSeconds([talaria.pid]), kib: residentKiB(talaria.pid) }
    if (talarias === 1) base = { ...before, ...own }
    else base = { ...base, cpu: base.cpu + own.cpu, kib: base.kib + own.kib }
    let held = 0
    for (const step of talarias === 1 ? STEPS : [DEVICES_EACH]) {
      const count = (talarias - 1) * DEVICES_EACH + step
      say(`${count.toLocaleString('en')} devices, ${talarias} Talarias`)
      const connect = { act: 'connect', url: talaria.url, atOnce: AT_ONCE, count: step - held }
      await devices.ask<Connected>(connect)
      held = step
      await wait(CALM_MS)
      const now = look()
      points.push({
        talarias,
        devices: count,
        connectSeconds: now.cpu - base.cpu,
        natsConnectSeconds: now.natsCpu - base.natsCpu,
        mib: (now.kib - base.kib) / 1_024,
        natsMib: (now.natsKib - base.natsKib) / 1_024,
      })
    }
  }
  return outcomeOf(points)
}

/** The first messages of its streams cost nats-server some 50 MiB of buffers, once. */
async function warmUp(
  devices: Child,
  talaria: Awaited<ReturnType<typeof startTalaria>>,
): Promise<void> {
  await using _first = talaria
  await devices.ask<Connected>({ act: 'connect', url: talaria.url, atOnce: AT_ONCE })
  await devices.ask({ act: 'close' })
  await talaria.kill('SIGTERM')
}

const MEASURED = [
  { what: 'processor time of connects, Talarias', unit: 's', y: 'connectSeconds', isGoal: true },
  {
    what: 'processor time of connects, nats-server',
    unit: 's',
    y: 'natsConnectSeconds',
    isGoal: true,
  },
  { what: 'memory, Talarias', unit: 'MiB', y: 'mib', isGoal: true },
  // Printed only: its runtime gives memory back when it likes, which is more than the devices take. What
  // it holds of each thing is measured by `store`.
  { what: 'memory, nats-server', unit: 'MiB', y: 'natsMib', isGoal: false },
] as const satisfies readonly { what: string; unit: string; y: keyof Point; isGoal: boolean }[]

function outcomeOf(points: readonly Point[]): Outcome {
  const figures: Figure[] = []
  const goals: Goal[] = []
  const whole = points.filter(({ devices }) => devices % DEVICES_EACH === 0)
  for (const { what, unit, y, isGoal } of MEASURED) {
    const lineOver = (of: readonly Point[], x: keyof Point): ReturnType<typeof fitLine> =>
      fitLine(of.map((point) => ({ x: point[x], y: point[y] })))
    for (const point of points) {
      const name = `${what}: ${point.devices.toLocaleString('en')} devices`
      figures.push({ what: name, unit, values: [point[y]] })
    }
    const byDevices = lineOver(points, 'devices')
    figures.push({ what: `${what}: each 1,000 devices`, unit, values: [byDevices.slope * 1_000] })
    const lines = { devices: byDevices.r2, Talarias: lineOver(whole, 'talarias').r2 }
    for (const [by, r2] of Object.entries(lines)) {
      const name = `R² of ${what}, by ${by}`
      if (isGoal) goals.push({ what: name, measured: r2, is: 'at least', limit: R2_MIN })
      else figures.push({ what: name, unit: '', values: [r2] })
    }
  }
  return { figures, goals }
}

/**
 * What a device costs that is connected and silent: memory, processor time to connect it, and the
 * time of its pings; beside a websocket server that does nothing but ping as often.
 */
import { wait } from '#libs/retry/wait.ts'
import { startChild, type Child } from '#loadtest/bench/child.ts'
import { cpuSeconds, residentKiB } from '#loadtest/bench/counters.ts'
import { startNats, startTalaria } from '#loadtest/bench/fabric.ts'
import type { Figure, Goal, Outcome, Scenario } from '#loadtest/bench/scenario.ts'
import { median } from '#loadtest/bench/statistics.ts'
import type { BareAnswer } from './bare.ts'
import type { Connected, Prepared } from './devices.ts'

const DEVICES = 10_000

/** Connects under way: some for each turn of the loop, as in the life of a fleet. */
const AT_ONCE = 200

/** Rounds of each in turn, so that what the machine does meanwhile hits both alike. */
const ROUNDS = 2

/** One ping of each device. */
const IDLE_MS = 20_000

/** Until what connecting left behind is done, such as collecting garbage. */
const CALM_MS = 3_000

/** Above this share of a core the generator is what is measured. */
const GENERATOR_MAX = 0.8

/** What one server took in one round. */
interface Cost {
  kibPerDevice: number
  natsKibPerDevice: number
  connectMs: number
  natsConnectMs: number
  connectsPerSecond: number
  /** Of one core while all are silent, in per cent. */
  idlePercent: number
  natsIdlePercent: number
  baseMiB: number
  /** Of a core, while the devices connect. */
  generatorShare: number
}

/** A Talaria beside a websocket server that does nothing. */
export const scenario: Scenario = {
  about: 'what a silent device costs at 10,000, beside a bare websocket server that pings as often',
  run,
}

async function run(say: (progress: string) => void): Promise<Outcome> {
  const bare: Cost[] = []
  const talaria: Cost[] = []
  await using devices = startChild('loadtest/bench/connect/devices.ts')
  const { jwksUrl } = await devices.ask<Prepared>({ act: 'prepare', count: DEVICES })
  for (let round = 1; round <= ROUNDS; round += 1) {
    say(`round ${round} of ${ROUNDS}`)
    // A process of its own each time: memory that was used once is not given back.
    bare.push(await measureBare(devices))
    talaria.push(await measureTalaria(devices, jwksUrl))
  }
  const share = Math.max(...talaria.map(({ generatorShare }) => generatorShare))
  return {
    figures: figuresOf(bare, talaria),
    goals: goalsOf(bare, talaria),
    ...(share > GENERATOR_MAX && {
      invalid: `the generator took ${Math.round(share * 100)} % of a core`,
    }),
  }
}

async function measureBare(devices: Child): Promise<Cost> {
  await using server = startChild('loadtest/bench/connect/bare.ts')
  const { url } = await server.ask<BareAnswer>({})
  return await measure(devices, { url, pid: server.pid })
}

async function measureTalaria(devices: Child, jwksUrl: string): Promise<Cost> {
  await using nats = await startNats()
  await warmUp(nats, devices, jwksUrl)
  await using talaria = await startTalaria(nats, jwksUrl)
  return await measure(devices, { url: talaria.url, pid: talaria.pid, natsPid: nats.server.pid })
}

/**
 * Has as many devices come and go by another Talaria: the first messages of a stream cost nats-server
 * some 50 MiB of buffers, once and whatever comes later, which are no device's memory.
 */
async function warmUp(
  nats: Awaited<ReturnType<typeof startNats>>,
  devices: Child,
  jwksUrl: string,
): Promise<void> {
  await using talaria = await startTalaria(nats, jwksUrl)
  await devices.ask<Connected>({ act: 'connect', url: talaria.url, atOnce: AT_ONCE })
  await devices.ask({ act: 'close' })
  await talaria.kill('SIGTERM')
}

async function measure(
  devices: Child,
  { url, pid, natsPid }: { url: string; pid: number; natsPid?: number },
): Promise<Cost> {
  const look = () => ({
    cpu: cpuSeconds([pid]),
    kib: residentKiB(pid),
    natsCpu: natsPid === undefined ? 0 : cpuSeconds([natsPid]),
    natsKib: natsPid === undefined ? 0 : residentKiB(natsPid),
  })
  await wait(CALM_MS)
  const before = look()
  const generatorBefore = cpuSeconds([devices.pid])
  const { seconds } = await devices.ask<Connected>({ act: 'connect', url, atOnce: AT_ONCE })
  const generatorShare = (cpuSeconds([devices.pid]) - generatorBefore) / seconds
  await wait(CALM_MS)
  const connected = look()
  await wait(IDLE_MS)
  const after = look()
  await devices.ask({ act: 'close' })
  const perDevice = (what: number): number => what / DEVICES
  const percent = (cpu: number): number => (cpu / (IDLE_MS / 1_000)) * 100
  return {
    kibPerDevice: perDevice(after.kib - before.kib),
    natsKibPerDevice: perDevice(after.natsKib - before.natsKib),
    connectMs: perDevice(connected.cpu - before.cpu) * 1_000,
    natsConnectMs: perDevice(connected.natsCpu - before.natsCpu) * 1_000,
    connectsPerSecond: DEVICES / seconds,
    idlePercent: percent(after.cpu - connected.cpu),
    natsIdlePercent: percent(after.natsCpu - connected.natsCpu),
    baseMiB: before.kib / 1_024,
    generatorShare,
  }
}

function goalsOf(bare: readonly Cost[], talaria: readonly Cost[]): Goal[] {
  const of = (key: keyof Cost): number => median(talaria.map((cost) => cost[key]))
  const ratios = talaria.map(
    ({ kibPerDevice }, round) => kibPerDevice / (bare[round]?.kibPerDevice ?? Number.NaN),
  )
  const atMost = (what: string, measured: number, limit: number): Goal => ({
    what,
    measured,
    is: 'at most',
    limit,
  })
  return [
    atMost('memory of a device in Talaria, KiB', of('kibPerDevice'), 6),
    atMost('the same, times a bare websocket', median(ratios), 1.5),
    atMost('memory of a device in nats-server, KiB', of('natsKibPerDevice'), 1.5),
    atMost('10,000 silent devices, % of a core', of('idlePercent'), 2),
    atMost('Talaria without devices, MiB', of('baseMiB'), 100),
  ]
}

function figuresOf(bare: readonly Cost[], talaria: readonly Cost[]): Figure[] {
  const of = (costs: readonly Cost[], key: keyof Cost): number[] => costs.map((cost) => cost[key])
  const row = (what: string, unit: string, key: keyof Cost, natsKey?: keyof Cost): Figure[] => [
    { what: `${what}: bare ws`, unit, values: of(bare, key) },
    { what: `${what}: Talaria`, unit, values: of(talaria, key) },
    ...(natsKey ? [{ what: `${what}: nats-server`, unit, values: of(talaria, natsKey) }] : []),
  ]
  return [
    ...row('memory of a device', 'KiB', 'kibPerDevice', 'natsKibPerDevice'),
    ...row('processor time of a connect', 'ms', 'connectMs', 'natsConnectMs'),
    ...row('connects in a second', '/s', 'connectsPerSecond'),
    ...row('all silent, of a core', '%', 'idlePercent', 'natsIdlePercent'),
    ...row('process without devices', 'MiB', 'baseMiB'),
    { what: 'the generator, of a core', unit: '×', values: of(talaria, 'generatorShare') },
  ]
}

/**
 * All devices come back at the same moment, as after the loss of a Talaria: how long until the last
 * is in, and what that takes of the processor; beside a websocket server that lets everybody in.
 */
import { wait } from '#libs/retry/wait.ts'
import { startChild, type Child } from '#loadtest/bench/child.ts'
import type { BareAnswer } from '#loadtest/bench/connect/bare.ts'
import type { Connected, Prepared } from '#loadtest/bench/connect/devices.ts'
import { cpuSeconds } from '#loadtest/bench/counters.ts'
import { startNats, startTalaria } from '#loadtest/bench/fabric.ts'
import type { Outcome, Scenario } from '#loadtest/bench/scenario.ts'
import { median } from '#loadtest/bench/statistics.ts'

const DEVICES = 5_000

/** From five addresses. */
const PER_ADDRESS = 1_000

const ROUNDS = 3

/** Come and go before: a Talaria that takes a storm has run for a while, so its code is compiled. */
const WARMING = 2_000

/** Until sessions and online events are stored, and what was left behind is done. */
const CALM_MS = 3_000

/** Above this share of a core the generator is what is measured. */
const GENERATOR_MAX = 0.8

/** One storm. */
interface Storm {
  seconds: number
  /** Connections that were refused or broke, and were tried again. */
  failures: number
  connectMs: number
  natsConnectMs: number
  /** Of a core. */
  generatorShare: number
}

/** A Talaria beside a websocket server that does nothing. */
export const scenario: Scenario = {
  about: '5,000 devices that connect at the same moment, beside a bare websocket server',
  run,
}

async function run(say: (progress: string) => void): Promise<Outcome> {
  const bare: Storm[] = []
  const talaria: Storm[] = []
  await using devices = startChild('loadtest/bench/connect/devices.ts')
  const { jwksUrl } = await devices.ask<Prepared>({ act: 'prepare', count: DEVICES })
  for (let round = 1; round <= ROUNDS; round += 1) {
    say(`round ${round} of ${ROUNDS}`)
    bare.push(await measureBare(devices))
    talaria.push(await measureTalaria(devices, jwksUrl))
  }
  return outcomeOf(bare, talaria)
}

async function measureBare(devices: Child): Promise<Storm> {
  await using server = startChild('loadtest/bench/connect/bare.ts')
  const { url } = await server.ask<BareAnswer>({})
  return await measure(devices, { url, pid: server.pid })
}

async function measureTalaria(devices: Child, jwksUrl: string): Promise<Storm> {
  await using nats = await startNats()
  await using talaria = await startTalaria(nats, jwksUrl)
  return await measure(devices, { url: talaria.url, pid: talaria.pid, natsPid: nats.server.pid })
}

async function measure(
  devices: Child,
  { url, pid, natsPid }: { url: string; pid: number; natsPid?: number },
): Promise<Storm> {
  const natsPids = natsPid === undefined ? [] : [natsPid]
  await devices.ask<Connected>({ act: 'connect', url, atOnce: WARMING, count: WARMING })
  await devices.ask({ act: 'close' })
  await wait(CALM_MS)
  const before = { own: cpuSeconds([pid]), nats: cpuSeconds(natsPids) }
  const generatorBefore = cpuSeconds([devices.pid])
  const order = { act: 'connect', url, atOnce: DEVICES, perAddress: PER_ADDRESS }
  const { seconds, failures } = await devices.ask<Connected>(order)
  const generatorShare = (cpuSeconds([devices.pid]) - generatorBefore) / seconds
  await wait(CALM_MS)
  const after = { own: cpuSeconds([pid]), nats: cpuSeconds(natsPids) }
  await devices.ask({ act: 'close' })
  return {
    seconds,
    failures,
    connectMs: ((after.own - before.own) / DEVICES) * 1_000,
    natsConnectMs: ((after.nats - before.nats) / DEVICES) * 1_000,
    generatorShare,
  }
}

function outcomeOf(bare: readonly Storm[], talaria: readonly Storm[]): Outcome {
  const of = (storms: readonly Storm[], key: keyof Storm): number[] =>
    storms.map((storm) => storm[key])
  const share = median(of(talaria, 'generatorShare'))
  const milliseconds = of(talaria, 'connectMs')
  return {
    figures: [
      { what: 'all in: bare ws', unit: 's', values: of(bare, 'seconds') },
      { what: 'all in: Talaria', unit: 's', values: of(talaria, 'seconds') },
      { what: 'refused and tried again: Talaria', unit: '', values: of(talaria, 'failures') },
      { what: 'processor time of a connect: bare ws', unit: 'ms', values: of(bare, 'connectMs') },
      { what: 'processor time of a connect: Talaria', unit: 'ms', values: milliseconds },
      {
        what: 'processor time of a connect: nats-server',
        unit: 'ms',
        values: of(talaria, 'natsConnectMs'),
      },
      { what: 'the generator, of a core', unit: '×', values: of(talaria, 'generatorShare') },
    ],
    goals: [
      {
        what: 'processor time of a connect in Talaria, ms',
        measured: median(milliseconds),
        is: 'at most',
        limit: 0.45,
      },
      {
        what: '5,000 devices are in, seconds',
        measured: median(of(talaria, 'seconds')),
        is: 'at most',
        limit: 2.7,
      },
    ],
    ...(share > GENERATOR_MAX && {
      invalid: `the generator took ${Math.round(share * 100)} % of a core`,
    }),
  }
}

/**
 * How many events a second are stored and acknowledged to their devices, beside a bare publisher of
 * the same payload with as many under way: 50 devices with verified tokens, 8 events each.
 */
import { startChild, type Child } from '#loadtest/bench/child.ts'
import { cpuSeconds, writeCalls } from '#loadtest/bench/counters.ts'
import { startNats } from '#loadtest/bench/fabric.ts'
import type { Figure, Outcome, Scenario } from '#loadtest/bench/scenario.ts'
import { median } from '#loadtest/bench/statistics.ts'
import { startAppProcess, type AppProcess } from '#tests/support/app-process.ts'
import { startTestKeys } from '#tests/support/keys.ts'
import { TEST_PASSWORDS, type TestNats } from '#tests/support/nats.ts'
import type { Published, PublisherOrder } from './bare-publisher.ts'
import type { EventDevicesOrder, Sent } from './devices.ts'
import { DEVICE_IDS } from './event.ts'

/** Of the bare publisher's rate. */
const RATE_MIN = 0.6

/** Above this share of a core the devices may be what is slow. */
const OWN_CORE_MAX = 0.8

const ROUNDS = 5
const MS = 5_000
const WARM_MS = 3_000

/** What one round came to, milliseconds of processor time for each event. */
interface Round {
  perSecond: number
  natsMs: number
  /** Of the publisher, or of Talaria. */
  ownMs: number
  /** Writes that the same asked of the kernel for each event. */
  ownWrites: number
  generatorCore: number
  invalid: string | undefined
}

/** The scenario `events`. */
export const scenario: Scenario = {
  about: 'events of devices stored and acknowledged, beside a bare pipelined publisher',
  run,
}

async function run(say: (progress: string) => void): Promise<Outcome> {
  await using nats = await startNats()
  await using keys = await startTestKeys()
  await using talaria = await startOpenTalaria(nats, keys.url)
  await using publisher = startChild('loadtest/bench/events/bare-publisher.ts')
  await using devices = startChild('loadtest/bench/events/devices.ts')
  const connecting: EventDevicesOrder = {
    act: 'connect',
    url: talaria.url,
    devices: await Promise.all(
      DEVICE_IDS.map(async (id) => ({
        id,
        token: await keys.sign({ 'device-id': id, 'partner-id': 'example' }),
      })),
    ),
  }
  await devices.ask(connecting)
  say('warming up')
  await measureBare(nats, publisher, WARM_MS)
  await measureTalaria(nats, talaria, devices, WARM_MS)
  const bare: Round[] = []
  const fabric: Round[] = []
  for (let round = 1; round <= ROUNDS; round += 1) {
    say(`round ${round} of ${ROUNDS}`)
    bare.push(await measureBare(nats, publisher, MS))
    fabric.push(await measureTalaria(nats, talaria, devices, MS))
  }
  const invalid = [...bare, ...fabric].find((each) => each.invalid !== undefined)?.invalid
  const ratios = fabric.map(({ perSecond }, round) => perSecond / (bare[round]?.perSecond ?? NaN))
  return {
    figures: [
      ...figuresOf('bare publisher', bare),
      ...figuresOf('Talaria', fabric),
      { what: 'devices: of a core', unit: '', values: fabric.map((each) => each.generatorCore) },
      { what: 'rate, of bare', unit: '×', values: ratios },
    ],
    goals: [
      {
        what: 'events stored and acknowledged a second, of a bare publisher',
        measured: median(ratios),
        is: 'at least',
        limit: RATE_MIN,
      },
    ],
    ...(invalid !== undefined && { invalid }),
  }
}

/** With the allowance of one device lifted: fifty devices do the work of thousands here. */
const startOpenTalaria = (nats: TestNats, jwksUrl: string): Promise<AppProcess> =>
  startAppProcess('talaria', {
    NATS_URL: nats.urlOf('talaria'),
    TALARIA_PORT: '0',
    TALARIA_OPERATIONS_PORT: '0',
    TALARIA_JWKS_URL: jwksUrl,
    TALARIA_DRAIN_MS: '0',
    TALARIA_DEVICE_FRAMES_RATE: '1000000',
    TALARIA_DEVICE_BYTES_RATE: '1000000000',
    TALARIA_DEVICE_LOOP_PERCENT: '100',
  })

async function measureBare(nats: TestNats, publisher: Child, ms: number): Promise<Round> {
  const order: PublisherOrder = {
    natsPort: nats.server.port,
    user: 'library',
    pass: TEST_PASSWORDS.library ?? '',
    ms,
  }
  const spent = timesOf(nats.server.pid, publisher.pid)
  const { count, seconds } = await publisher.ask<Published>(order)
  return { perSecond: count / seconds, ...spent(count), generatorCore: 0, invalid: undefined }
}

async function measureTalaria(
  nats: TestNats,
  talaria: AppProcess,
  devices: Child,
  ms: number,
): Promise<Round> {
  const spent = timesOf(nats.server.pid, talaria.pid)
  const order: EventDevicesOrder = { act: 'send', ms }
  const { count, seconds, failures, ownCore } = await devices.ask<Sent>(order)
  return {
    perSecond: count / seconds,
    ...spent(count),
    generatorCore: ownCore,
    invalid: invalidity(failures, ownCore),
  }
}

function timesOf(natsPid: number, ownPid: number) {
  const look = () => ({
    nats: cpuSeconds([natsPid]),
    own: cpuSeconds([ownPid]),
    writes: writeCalls(ownPid),
  })
  const before = look()
  return (count: number): Pick<Round, 'natsMs' | 'ownMs' | 'ownWrites'> => {
    const { nats, own, writes } = look()
    return {
      natsMs: ((nats - before.nats) / count) * 1_000,
      ownMs: ((own - before.own) / count) * 1_000,
      ownWrites: (writes - before.writes) / count,
    }
  }
}

function invalidity(failures: number, ownCore: number): string | undefined {
  if (failures > 0) return `${failures} of the looked at acknowledgements were refusals`
  if (ownCore <= OWN_CORE_MAX) return undefined
  return `the devices used ${Math.round(ownCore * 100)} % of a core`
}

const figuresOf = (name: string, rounds: readonly Round[]): Figure[] => [
  { what: `${name}: rate`, unit: '/s', values: rounds.map(({ perSecond }) => perSecond) },
  { what: `${name}: CPU of an event`, unit: 'ms', values: rounds.map(({ ownMs }) => ownMs) },
  { what: `${name}: writes of an event`, unit: '', values: rounds.map((each) => each.ownWrites) },
  {
    what: `nats-server under ${name}: CPU of an event`,
    unit: 'ms',
    values: rounds.map(({ natsMs }) => natsMs),
  },
]

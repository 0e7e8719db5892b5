/** What it costs to tell a device where to go, beside Node's own server with a constant answer. */
import { wait } from '#libs/retry/wait.ts'
import { startChild, type Child } from '#loadtest/bench/child.ts'
import { cpuSeconds } from '#loadtest/bench/counters.ts'
import { startNats, startPetasos } from '#loadtest/bench/fabric.ts'
import type { Figure, Goal, Outcome, Scenario } from '#loadtest/bench/scenario.ts'
import { median } from '#loadtest/bench/statistics.ts'
import type { BareAnswer } from './bare.ts'
import type { Asked } from './devices.ts'
import { startMembers } from './members.ts'

/** Of each, in turn, so that what the machine does meanwhile hits both alike. */
const ROUNDS = 5

const ROUND_MS = 3_000

/** Before the first round, until all that runs is compiled. */
const WARM_UP_MS = 3_000

/** Requests under way at once. */
const CONNECTIONS = 32

/** How many Talarias there are, and the share of the bare server's rate that is wanted then. */
const WANTED: readonly { members: number; share: number }[] = [
  { members: 3, share: 0.7 },
  { members: 100, share: 0.5 },
]

/** Until Petasos has been told of the members and has asked them once. */
const KNOWN_MS = 2_000

/** A generator that is busier had no time left for the faster of the two. */
const BUSY_MAX = 0.8

/** Petasos beside a handler with a constant 307. */
export const scenario: Scenario = {
  about: 'what a redirect costs at 3 and 100 Talarias, beside a bare node:http handler',
  run,
}

/** What one server did in one round. */
interface Round {
  perSecond: number
  /** Processor time of one redirect, in microseconds. */
  microseconds: number
  busy: number
}

interface Server {
  port: number
  pid: number
}

async function run(say: (progress: string) => void): Promise<Outcome> {
  await using nats = await startNats()
  await using members = await startMembers(nats.urlOf('library'))
  await using petasos = await startPetasos(nats)
  await using bare = startChild('loadtest/bench/redirect/bare.ts')
  await using devices = startChild('loadtest/bench/redirect/devices.ts')
  const constant = { ...(await bare.ask<BareAnswer>({})), pid: bare.pid }
  const redirector = { port: Number(new URL(petasos.url).port), pid: petasos.pid }
  const figures: Figure[] = []
  const goals: Goal[] = []
  let busiest = 0
  for (const { members: count, share } of WANTED) {
    await members.grow(count)
    await wait(KNOWN_MS)
    const { places } = await ask(devices, redirector, WARM_UP_MS)
    if (places !== count) throw new Error(`redirects led to ${places} of ${count} Talarias`)
    await ask(devices, constant, WARM_UP_MS)
    const rounds: { bare: Round; petasos: Round }[] = []
    for (let round = 1; round <= ROUNDS; round += 1) {
      say(`${count} Talarias, round ${round} of ${ROUNDS}`)
      rounds.push({
        bare: await measure(devices, constant),
        petasos: await measure(devices, redirector),
      })
    }
    busiest = Math.max(busiest, ...rounds.flatMap((each) => [each.bare.busy, each.petasos.busy]))
    const ratios = rounds.map((each) => each.bare.microseconds / each.petasos.microseconds)
    const of = (server: 'bare' | 'petasos', key: keyof Round) =>
      rounds.map((each) => each[server][key])
    const name = `${count} Talarias`
    figures.push(
      { what: `${name}, redirects: bare`, unit: '/s', values: of('bare', 'perSecond') },
      { what: `${name}, redirects: Petasos`, unit: '/s', values: of('petasos', 'perSecond') },
      { what: `${name}, processor time: bare`, unit: 'µs', values: of('bare', 'microseconds') },
      {
        what: `${name}, processor time: Petasos`,
        unit: 'µs',
        values: of('petasos', 'microseconds'),
      },
      { what: `${name}, redirects for the same processor time`, unit: '×', values: ratios },
    )
    const what = `redirects at ${name}, of a bare handler's for the same processor time`
    goals.push({ what, measured: median(ratios), is: 'at least', limit: share })
  }
  figures.push({ what: 'devices, of a core', unit: '%', values: [busiest * 100] })
  if (busiest <= BUSY_MAX) return { figures, goals }
  return { figures, goals, invalid: `the devices took ${Math.round(busiest * 100)} % of a core` }
}

const ask = (devices: Child, { port }: Server, forMs: number): Promise<Asked> =>
  devices.ask<Asked>({ port, connections: CONNECTIONS, forMs })

async function measure(devices: Child, server: Server): Promise<Round> {
  const before = cpuSeconds([server.pid])
  const { count, busy } = await ask(devices, server, ROUND_MS)
  const seconds = cpuSeconds([server.pid]) - before
  return {
    perSecond: count / (ROUND_MS / 1_000),
    microseconds: (seconds / count) * 1_000_000,
    busy,
  }
}

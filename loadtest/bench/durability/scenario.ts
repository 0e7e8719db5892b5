/** What each durability costs, beside the server's own default in the same run. */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { findNatsServer } from '#nats/binary/binary.ts'
import { quantile } from '#loadtest/bench/statistics.ts'
import type { Figure, Outcome, Scenario } from '#loadtest/bench/scenario.ts'
import { MODES, nameOf } from './mode.ts'
import { publishFor, type Round } from './publish.ts'
import { startServers } from './servers.ts'

/** Rounds of each mode in turn, so that what the machine does meanwhile hits all alike. */
const ROUNDS = 7
const ROUND_MS = 1_000

/** The kernel's number for a file system in memory: there a disk costs nothing, and keeps nothing. */
const TMPFS = 0x01021994

/** Every mode beside the server's own default. */
export const scenario: Scenario = {
  about: 'what each durability of the streams costs, beside the default of nats-server',
  run,
}

async function run(say: (progress: string) => void): Promise<Outcome> {
  // Not in the directory for temporary files, which is in memory on many machines.
  mkdirSync('.xmidt', { recursive: true })
  const directory = mkdtempSync(join('.xmidt', 'bench-'))
  try {
    if (statfsSync(directory).type === TMPFS) {
      say('this directory is in memory: what the disk costs is not measured')
    }
    await using stack = new AsyncDisposableStack()
    const binary = await findNatsServer()
    const running: Awaited<ReturnType<typeof startServers>>[] = []
    for (const [index, mode] of MODES.entries()) {
      running.push(stack.use(await startServers(binary, join(directory, String(index)), mode)))
    }
    const rounds: Round[][] = MODES.map(() => [])
    // The first round warms up and is not counted.
    for (let round = 0; round <= ROUNDS; round += 1) {
      say(round === 0 ? 'warming up' : `round ${round} of ${ROUNDS}`)
      for (const [index, servers] of running.entries()) {
        const found = await publishFor(servers, ROUND_MS, String(round))
        if (round > 0) rounds[index]?.push(found)
      }
    }
    return { figures: MODES.flatMap((_, index) => figuresOf(rounds, index)), goals: [] }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Of one mode. Events have 500 bytes; 64 are under way, then one at a time. */
function figuresOf(rounds: readonly Round[][], index: number): Figure[] {
  const name = nameOf(MODES[index] ?? { replicas: 1, sync: '2m' })
  const own = rounds[index] ?? []
  const figure = (what: string, unit: string, values: readonly number[]): Figure => ({
    what: `${name}: ${what}`,
    unit,
    values,
  })
  return [
    figure(
      'acknowledged',
      '/s',
      own.map(({ rate }) => rate),
    ),
    figure(
      'by the default',
      '×',
      own.map(({ rate }, round) => rate / (rounds[0]?.[round]?.rate ?? Number.NaN)),
    ),
    figure(
      'server time per event',
      'µs',
      own.map(({ cpuMicroseconds }) => cpuMicroseconds),
    ),
    ...[0.5, 0.99].map((share) =>
      figure(`one at a time, p${share * 100}`, 'ms', [
        quantile(
          own.flatMap(({ alone }) => alone),
          share,
        ),
      ]),
    ),
  ]
}

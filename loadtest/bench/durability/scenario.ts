/** What each durability costs, beside the server's own default in the same run. */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { findNatsServer } from '#nats/binary/binary.ts'
import { quantile } from '#loadtest/bench/statistics.ts'
import { MODES, nameOf } from './mode.ts'
import { publishFor, type Round } from './publish.ts'
import { startServers } from './servers.ts'

/** Rounds of each mode in turn, so that what the machine does meanwhile hits all alike. */
const ROUNDS = 7
const ROUND_MS = 1_000

/** The kernel's number for a file system in memory: there a disk costs nothing, and keeps nothing. */
const TMPFS = 0x01021994

/** Runs the scenario and prints its table. */
export async function run(): Promise<void> {
  // Not in the directory for temporary files, which is in memory on many machines.
  mkdirSync('.xmidt', { recursive: true })
  const directory = mkdtempSync(join('.xmidt', 'bench-'))
  try {
    if (statfsSync(directory).type === TMPFS) {
      process.stdout.write('this directory is in memory: what the disk costs is not measured\n\n')
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
      for (const [index, servers] of running.entries()) {
        const found = await publishFor(servers, ROUND_MS, String(round))
        if (round > 0) rounds[index]?.push(found)
      }
    }
    print(rounds)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function print(rounds: readonly Round[][]): void {
  process.stdout.write(
    `events of 500 B acknowledged; the ratio is to "${nameOf(MODES[0] ?? { replicas: 1, sync: '2m' })}", median of ${ROUNDS} rounds in turn\n\n` +
      '                          64 under way         server time    one at a time, ms\n' +
      '                        per s     ratio         per event       p50       p99\n',
  )
  for (const [index, mode] of MODES.entries()) {
    const own = rounds[index] ?? []
    const ratios = own.map(({ rate }, round) => rate / (rounds[0]?.[round]?.rate ?? Number.NaN))
    const cpu = quantile(
      own.map(({ cpuMicroseconds }) => cpuMicroseconds),
      0.5,
    )
    const alone = own.flatMap((round) => round.alone)
    process.stdout.write(
      `${nameOf(mode).padEnd(22)}` +
        `${Math.round(
          quantile(
            own.map(({ rate }) => rate),
            0.5,
          ),
        )
          .toLocaleString('en')
          .padStart(7)}` +
        `${quantile(ratios, 0.5).toFixed(2).padStart(10)}` +
        `${(Number.isNaN(cpu) ? '-' : `${Math.round(cpu)} µs`).padStart(18)}` +
        `${quantile(alone, 0.5).toFixed(2).padStart(10)}${quantile(alone, 0.99).toFixed(2).padStart(10)}\n`,
    )
  }
}

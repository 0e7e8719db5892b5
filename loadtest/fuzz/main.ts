/** `npm run fuzz -- wrp|talaria|http|parodus --seconds 60`: looks for input that breaks what must not break. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { findNatsServer } from '#nats/binary/binary.ts'
import { describeLive, describeProgress } from './live/describe.ts'
import { runLive } from './live/run.ts'
import type { FuzzCase, FuzzTarget } from './live/target.ts'
import { startHttpTarget } from './http.ts'
import { startParodusTarget } from './parodus.ts'
import { startTalariaTarget } from './talaria.ts'
import { fuzzWrp, type FuzzResult } from './wrp.ts'

/** A line of progress so often. */
const PROGRESS_MS = 5_000

interface Flags {
  count: number
  seconds: number
  seed: number
  index?: number
  log?: string
}

const wholeFrom =
  (min: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > Number.MAX_SAFE_INTEGER) {
      throw new InvalidArgumentError(`It is no whole number from ${min} on`)
    }
    return value
  }

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** Calls `tell` with the latest, but not more often than every {@link PROGRESS_MS}. */
function paced<T>(tell: (progress: T) => void): (progress: T) => void {
  let toldAt = performance.now()
  return (progress) => {
    if (performance.now() - toldAt < PROGRESS_MS) return
    toldAt = performance.now()
    tell(progress)
  }
}

const program = new Command('fuzz')
  .description('Looks for input that breaks what must not break. Exit code 1: it found one.')
  .addHelpText(
    'after',
    '\nA finding is told with --seed and --index; with both it alone is put again.',
  )

const command = (name: string, about: string): Command =>
  program
    .command(name)
    .description(about)
    .addOption(
      new Option('--count <n>', 'ends after so many cases')
        .argParser(wholeFrom(1))
        .default(Number.MAX_SAFE_INTEGER, 'no end'),
    )
    .addOption(
      new Option('--seconds <n>', 'ends after so long').argParser(wholeFrom(1)).default(60),
    )
    .addOption(
      new Option('--seed <n>', 'repeats a run')
        .argParser(wholeFrom(1))
        .default(1 + (Date.now() % 2 ** 31), 'the time'),
    )

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`

const describeWrp = (result: FuzzResult): string =>
  `${result.cases} cases, ${result.accepted} made a message, slowest ${result.slowestMs.toFixed(1)} ms, ` +
  `${result.stalls} over 100 ms once but not again, ` +
  `heap ${megabytes(result.heapBytes)}, resident ${megabytes(result.residentBytes)}`

command('wrp', 'libs/wrp: mutated vectors and random bytes through every form').action(
  ({ count, seconds, seed }: Flags) => {
    say(`seed ${seed}`)
    const onProgress = paced<FuzzResult>((progress) => say(describeWrp(progress)))
    const result = fuzzWrp({ seed, casesMax: count, durationMs: seconds * 1_000, onProgress })
    say(`${describeWrp(result)}\n0 crashes, 0 cases that are slow each time`)
  },
)

const liveCommand = <Case extends FuzzCase>(
  name: string,
  about: string,
  start: (logFile?: string) => Promise<FuzzTarget<Case>>,
): void => {
  command(name, about)
    .addOption(new Option('--index <n>', 'puts this case only').argParser(wholeFrom(0)))
    .addOption(new Option('--log <file>', 'where the processes under attack write their logs'))
    .action(async ({ count, seconds, seed, index, log }: Flags) => {
      say(`seed ${seed}`)
      process.env.NATS_SERVER_BIN ??= await findNatsServer()
      await using target = await start(log)
      const report = await runLive(target, {
        seed,
        countMax: count,
        durationMs: seconds * 1_000,
        ...(index !== undefined && { index }),
        onProgress: paced((progress) => say(describeProgress(progress))),
      })
      say(describeLive(report))
    })
}

liveCommand(
  'talaria',
  'a Talaria: messages, frames, upgrades, and answers to commands of devices that keep to nothing',
  startTalariaTarget,
)

liveCommand(
  'http',
  'Scytale, Caduceus, Themis, Petasos and their operations ports: requests of every kind',
  startHttpTarget,
)

liveCommand(
  'parodus',
  'a Parodus, from both sides: links of local services; tokens, answers and frames of the fabric',
  startParodusTarget,
)

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`fuzz: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

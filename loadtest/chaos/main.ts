/** `npm run chaos -- [scenario] [--seconds N] [--seed S] [--cluster]`: does the fabric keep its word? */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { describeOutcome, describeOutcomes, isBroken } from './report.ts'
import { runScheduled, scheduleOf } from './run.ts'
import type { Outcome, RunOptions, Scenario } from './scenario.ts'
import { SCENARIOS } from './scenarios/all.ts'
import { describeSchedule } from './schedule.ts'

/** Records are kept in memory: some megabytes for each hour of the usual load. */
const SECONDS_MAX = 3_600

/** All run in one process, on one machine. */
const DEVICES_MAX = 10_000

const RUNS_MAX = 1_000

/** Exit codes: the fabric kept its word; it did not; the run itself failed; Ctrl-C. */
const EXIT = { kept: 0, broken: 1, failed: 2, interrupted: 130 } as const

const wholeUpTo =
  (max: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < 1 || value > max) {
      throw new InvalidArgumentError(`It is no whole number from 1 to ${max}`)
    }
    return value
  }

interface Flags {
  seconds: number
  seed: number
  runs: number
  cluster: boolean
  devices: number | undefined
  json: boolean
  keep: boolean
  schedule: boolean
}

const list = SCENARIOS.map(({ name, about }) => `  ${name.padEnd(14)}${about}`).join('\n')

const program = new Command('chaos')
  .description('Kills, pauses and starves the real fabric under load, and checks its promises.')
  .addArgument(
    new Argument('[scenario]', 'one of those below; all in turn when none is named').choices(
      SCENARIOS.map(({ name }) => name),
    ),
  )
  .addOption(
    new Option('--seconds <n>', 'how long load and faults last')
      .argParser(wholeUpTo(SECONDS_MAX))
      .default(60),
  )
  .addOption(
    new Option('--seed <n>', 'repeats a schedule')
      .argParser(wholeUpTo(2 ** 32 - 1))
      .default(1 + (Date.now() % 2 ** 31), 'the time'),
  )
  .addOption(
    new Option('--runs <n>', 'so many runs, each with the next seed')
      .argParser(wholeUpTo(RUNS_MAX))
      .default(1),
  )
  .option('--cluster', 'three nats-servers instead of one', false)
  .addOption(new Option('--devices <n>', 'how many').argParser(wholeUpTo(DEVICES_MAX)))
  .option('--schedule', 'print the schedule and end', false)
  .option('--keep', 'leave the directory with all logs', false)
  .option('--json', 'print the outcome as JSON; progress goes to stderr', false)
  .addHelpText('after', `\nScenarios:\n${list}\n`)
  .exitOverride()
  .action((name: string | undefined, flags: Flags) => main(name, flags))

async function main(name: string | undefined, flags: Flags): Promise<void> {
  const chosen = SCENARIOS.filter((scenario) => name === undefined || scenario.name === name)
  const interrupted = new AbortController()
  process.on('SIGINT', () => interrupted.abort())
  process.on('SIGTERM', () => interrupted.abort())
  const tell = (line: string): void => {
    ;(flags.json ? process.stderr : process.stdout).write(`${line}\n`)
  }
  const outcomes: Outcome[] = []
  for (const scenario of chosen) {
    for (let run = 0; run < flags.runs; run += 1) {
      const options: RunOptions = {
        seconds: flags.seconds,
        seed: flags.seed + run,
        isCluster: flags.cluster,
        devices: flags.devices,
        isKept: flags.keep,
        signal: interrupted.signal,
        tell,
      }
      tell(`${scenario.name}: ${scenario.about}`)
      tell(
        `seed ${options.seed}, ${options.seconds} s${options.isCluster ? ', a cluster of three nats-servers' : ''}`,
      )
      if (flags.schedule) {
        tellSchedule(scenario, options)
        continue
      }
      const outcome = await runScenario(scenario, options)
      outcomes.push(outcome)
      tell(`\n${describeOutcome(outcome)}`)
    }
  }
  if (outcomes.length > 1) tell(describeOutcomes(outcomes))
  if (flags.json) process.stdout.write(`${JSON.stringify(outcomes, undefined, 2)}\n`)
  process.exitCode = outcomes.some(isBroken) ? EXIT.broken : EXIT.kept
}

function tellSchedule(scenario: Scenario, options: RunOptions): void {
  const faults = 'scheduled' in scenario ? scheduleOf(scenario.scheduled, options) : []
  for (const line of describeSchedule(faults)) options.tell(line)
}

const runScenario = (scenario: Scenario, options: RunOptions): Promise<Outcome> =>
  'scheduled' in scenario
    ? runScheduled(scenario.name, scenario.scheduled, options)
    : scenario.run(options)

try {
  await program.parseAsync()
} catch (error) {
  // At once: what could not be ended in order is ended with this process.
  process.exit(told(error))
}

/** Says what went wrong; the exit code. */
function told(error: unknown): number {
  // Commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.kept : EXIT.failed
  const isInterrupted = error instanceof Error && error.name === 'AbortError'
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`chaos: ${isInterrupted ? 'interrupted' : text}\n`)
  return isInterrupted ? EXIT.interrupted : EXIT.failed
}

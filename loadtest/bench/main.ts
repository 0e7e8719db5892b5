/** `npm run bench -- [scenario…] [--json] [--check]`: what the fabric costs, beside bare baselines. */
import { Argument, Command, CommanderError } from 'commander'
import { describeMachine, lookAtMachine } from './machine.ts'
import { describeOutcome, faultsOf } from './report.ts'
import type { Outcome, Scenario } from './scenario.ts'
import { scenario as codec } from './codec/scenario.ts'
import { scenario as commands } from './commands/scenario.ts'
import { scenario as connect } from './connect/scenario.ts'
import { scenario as durability } from './durability/scenario.ts'
import { scenario as events } from './events/scenario.ts'
import { scenario as offline } from './offline/scenario.ts'
import { scenario as redirect } from './redirect/scenario.ts'
import { scenario as regions } from './regions/scenario.ts'
import { scenario as scale } from './scale/scenario.ts'
import { scenario as sickReceivers } from './sick-receivers/scenario.ts'
import { scenario as store } from './store/scenario.ts'
import { scenario as storm } from './storm/scenario.ts'
import { scenario as webhooks } from './webhooks/scenario.ts'

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  codec,
  commands,
  connect,
  durability,
  events,
  offline,
  redirect,
  regions,
  scale,
  'sick-receivers': sickReceivers,
  store,
  storm,
  webhooks,
}

/** Exit codes: measured (and all goals kept, when checked); one was missed; the run itself failed. */
const EXIT = { measured: 0, missed: 1, failed: 2 } as const

interface Flags {
  json: boolean
  check: boolean
}

const list = Object.entries(SCENARIOS)
  .map(([name, { about }]) => `  ${name.padEnd(16)}${about}`)
  .join('\n')

const program = new Command('bench')
  .description(
    'Measures the fabric beside bare baselines in the same run; run nothing else meanwhile.',
  )
  .addArgument(
    new Argument('[scenario...]', 'some of those below; all in turn when none is named').choices(
      Object.keys(SCENARIOS),
    ),
  )
  .option('--json', 'print the outcomes as JSON; progress goes to stderr', false)
  .option('--check', 'end with 1 when a goal is missed or a run does not count', false)
  .addHelpText('after', `\nScenarios:\n${list}\n`)
  .exitOverride()
  .action(main)

async function main(named: readonly string[], { json, check }: Flags): Promise<void> {
  const machine = await lookAtMachine()
  if (!json) process.stdout.write(`${describeMachine(machine)}\n\n`)
  const outcomes: Record<string, Outcome> = {}
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    if (named.length > 0 && !named.includes(name)) continue
    const outcome = await scenario.run((line) => process.stderr.write(`${name}: ${line}\n`))
    outcomes[name] = outcome
    if (!json) process.stdout.write(`${describeOutcome(name, scenario.about, outcome)}\n`)
  }
  if (json) process.stdout.write(`${JSON.stringify({ machine, outcomes }, undefined, 2)}\n`)
  if (!check) return
  const faults = Object.entries(outcomes).flatMap(([name, outcome]) => faultsOf(name, outcome))
  for (const fault of faults) process.stderr.write(`missed: ${fault}\n`)
  if (faults.length > 0) process.exitCode = EXIT.missed
}

try {
  await program.parseAsync()
} catch (error) {
  // Commander has already said what is wrong, or printed the help.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT.failed
  else {
    process.stderr.write(
      `bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    )
    process.exitCode = EXIT.failed
  }
}

#!/usr/bin/env node
/**
 * A thin stand-in for the `k6` command, for as much of it as the scripts in `loadtest/k6` use: `run`
 * with `-e`, its modules over real HTTP and websockets, executors, thresholds, summary, exit codes.
 * Whatever else a script asks of k6 ends with an error here.
 */
import { parseArgs } from 'node:util'
import { startCoverage } from './coverage.ts'
import { EXIT, runTest } from './run.ts'
import { ScriptError } from './script.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { env: { type: 'string', short: 'e', multiple: true, default: [] } },
})
const [command, script] = positionals
if (command !== 'run' || script === undefined) {
  process.stderr.write('usage: run [-e NAME=VALUE]… SCRIPT\n')
  process.exit(EXIT.invalidConfiguration)
}
const environment = { ...process.env } as Record<string, string>
for (const pair of values.env) {
  const at = pair.indexOf('=')
  environment[pair.slice(0, at)] = pair.slice(at + 1)
}

// k6 ends the iteration; here nobody waits for what a script did not wait for itself.
process.on('unhandledRejection', (error) => {
  process.stderr.write(`unhandled: ${String(error)}\n`)
  process.exit(EXIT.scriptException)
})

const writeCoverage = await startCoverage(environment.K6_STAND_IN_COVERAGE)
try {
  process.exitCode = await runTest(script, environment)
} catch (error) {
  if (!(error instanceof ScriptError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = error.exitCode
}
await writeCoverage()
process.exit()

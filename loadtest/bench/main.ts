/** `npm run bench -- codec`: one scenario, measured beside a bare baseline in the same run. */
import { run as codec } from './codec/scenario.ts'
import { run as connect } from './connect/scenario.ts'
import { run as durability } from './durability/scenario.ts'
import { run as regions } from './regions/scenario.ts'

const SCENARIOS: Readonly<Record<string, () => void | Promise<void>>> = {
  codec,
  connect,
  durability,
  regions,
}

const name = process.argv[2] ?? ''
const scenario = Object.hasOwn(SCENARIOS, name) ? SCENARIOS[name] : undefined
if (scenario) await scenario()
else {
  process.stderr.write(
    `bench: name a scenario: npm run bench -- ${Object.keys(SCENARIOS).join(' | ')}\n`,
  )
  process.exitCode = 1
}

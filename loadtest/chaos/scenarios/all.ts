/** Every scenario there is, in the order in which they are run where none is named. */
import type { Scenario } from '#loadtest/chaos/scenario.ts'
import { acknowledged } from './acknowledged.ts'
import { commands } from './commands.ts'
import { freeze } from './freeze.ts'
import { fullDisk } from './full-disk.ts'
import { mixed } from './mixed.ts'
import { natsLoss } from './nats-loss.ts'
import { pauses } from './pauses.ts'
import { presence } from './presence.ts'
import { rolling } from './rolling.ts'
import { sick } from './sick.ts'
import { storm } from './storm.ts'

/** By name. */
export const SCENARIOS: readonly Scenario[] = [
  acknowledged,
  commands,
  pauses,
  rolling,
  presence,
  sick,
  storm,
  natsLoss,
  fullDisk,
  freeze,
  mixed,
]

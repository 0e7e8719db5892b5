/** What a scenario is, and what comes of it. */
import type { FabricOptions } from './fabric/fabric.ts'
import type { WebhookPlan } from './load/webhooks.ts'
import type { Check, Verdict } from './promises/verdict.ts'
import type { Rig } from './rig.ts'
import type { Plan } from './schedule.ts'

/** What a run was asked for. */
export interface RunOptions {
  seconds: number
  seed: number
  isCluster: boolean
  /** Of the load; the scenario's own number when undefined. */
  devices: number | undefined
  /** Leaves the directory with all logs. */
  isKept: boolean
  /** Ends the run: Ctrl-C. */
  signal: AbortSignal
  /** Takes a line of progress. */
  tell: (line: string) => void
}

/** What a run came to. */
export interface Outcome {
  scenario: string
  seed: number
  verdicts: Verdict[]
  /** What was measured and is no promise. */
  figures: Readonly<Record<string, string>>
}

/** One scenario: by a schedule, or with steps of its own. */
export type Scenario = {
  name: string
  /** One sentence. */
  about: string
} & ({ scheduled: Scheduled } | { run: (options: RunOptions) => Promise<Outcome> })

/** What a run is made of. */
export interface Setting {
  fabric: Omit<FabricOptions, 'isCluster'>
  load: Load
  webhooks: readonly WebhookPlan[]
}

/** Load, and faults by a schedule meanwhile. */
export interface Scheduled extends Setting {
  plan: Plan
  promises: readonly Check[]
  /** All devices leave at the end, and each of their sessions is looked at. */
  isPresenceChecked?: boolean
  /** Looks at more than the records, while the fabric still runs. */
  examine?: (rig: Rig) => Promise<Pick<Outcome, 'verdicts' | 'figures'>>
}

/** How much. */
export interface Load {
  devices: number
  eventsPerSecond: number
  commandsPerSecond: number
}

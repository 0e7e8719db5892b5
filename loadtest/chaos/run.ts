/** Runs a scenario that goes by a schedule: load and faults, time to settle, checks. */
import { wait } from '#libs/retry/wait.ts'
import { inject } from './inject.ts'
import { startRig } from './rig.ts'
import { settlePresence } from './settle.ts'
import type { Outcome, RunOptions, Scheduled } from './scenario.ts'
import {
  describeFault,
  describeSchedule,
  makeSchedule,
  type Fault,
  type Target,
} from './schedule.ts'

/** The processes that a scenario's faults may befall, by the names that they will have. */
export function targetsOf(
  { fabric, webhooks }: Pick<Scheduled, 'fabric' | 'webhooks'>,
  isCluster: boolean,
): Target[] {
  const numbered = (role: Target['role'], count: number): Target[] =>
    Array.from({ length: count }, (_, index) => ({ name: `${role}-${index + 1}`, role }))
  return [
    ...numbered('nats', isCluster ? 3 : 1),
    ...numbered('talaria', fabric.talarias),
    ...numbered('petasos', 1),
    ...numbered('scytale', fabric.scytales),
    ...numbered('caduceus', fabric.caduceuses),
    ...webhooks.map(({ name }): Target => ({ name, role: 'receiver' })),
  ]
}

/** The schedule of a run. */
export const scheduleOf = (
  scheduled: Scheduled,
  { seconds, seed, isCluster }: Pick<RunOptions, 'seconds' | 'seed' | 'isCluster'>,
): Fault[] =>
  makeSchedule({ plan: scheduled.plan, targets: targetsOf(scheduled, isCluster), seconds, seed })

/** Runs it. @throws when the fabric cannot be started, or the run is aborted. */
export async function runScheduled(
  name: string,
  scheduled: Scheduled,
  options: RunOptions,
): Promise<Outcome> {
  const { seconds, seed, signal } = options
  const faults = scheduleOf(scheduled, options)
  for (const line of describeSchedule(faults)) options.tell(line)
  await using rig = await startRig(scheduled, options)
  const { fabric, fleet, records, tell } = rig
  const isInTurn = scheduled.plan.order === 'turn'
  const onFault = (fault: Fault): void => tell(describeFault(fault))
  await rig.underLoad(() =>
    // Longer than that where the faults are not over by then.
    Promise.all([
      inject({ members: fabric.members, faults, isInTurn, signal, onFault }),
      wait(seconds * 1_000, signal),
    ]),
  )
  await rig.settle()
  if (scheduled.isPresenceChecked) await fleet.close()
  const sessions = scheduled.isPresenceChecked
    ? await settlePresence({ nats: fabric.nats, records, signal, tell })
    : undefined
  const evidence = rig.evidence(sessions)
  const further = (await scheduled.examine?.(rig)) ?? { verdicts: [], figures: {} }
  return {
    scenario: name,
    seed,
    verdicts: [...scheduled.promises.map((check) => check(evidence)), ...further.verdicts],
    figures: { faults: String(faults.length), ...further.figures },
  }
}

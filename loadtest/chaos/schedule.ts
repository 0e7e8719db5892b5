/**
 * What is done to which process and when: a pure function of a plan, the processes that there are
 * and a seed, so that a seed prints the same schedule again. Carrying it out is `inject.ts`.
 */
import { createRandom } from '#loadtest/random.ts'
import type { Role } from './fabric/member.ts'

/** What may be done to a process. */
export type Action =
  /** SIGKILL, and started again. */
  | 'kill'
  /** SIGTERM, and started again once it has ended. */
  | 'restart'
  /** SIGSTOP and SIGCONT. */
  | 'pause'
  /** A Talaria's operations API is told to close its devices. */
  | 'drain'

/** A span of milliseconds, both ends included. */
export type Span = readonly [minMs: number, maxMs: number]

/** One thing that may happen, to a process of one of these roles. */
export interface Hazard {
  action: Action
  roles: readonly Role[]
  /** Only these of the roles; all of them unless told. */
  names?: readonly string[]
  /**
   * How long it lasts: until the process is started again, or goes on. `never`: it stays away; that
   * befalls one process of a role at most.
   */
  lasts: readonly (Span | 'never')[]
  /** How often it is chosen, relative to the plan's other hazards; 1 unless told. */
  weight?: number
}

/** What a scenario does. */
export interface Plan {
  /**
   * `random` picks hazard and process for each fault; `turn` takes each process after the other,
   * and no sooner than the one before is back.
   */
  order: 'random' | 'turn'
  hazards: readonly Hazard[]
  /** From the begin of one fault to the begin of the next. */
  every: Span
}

/** One fault. */
export interface Fault {
  atMs: number
  action: Action
  /** The name of a process, such as `talaria-1`. */
  target: string
  /** Undefined: it stays away. */
  lastsMs: number | undefined
}

/** A process that there is. */
export interface Target {
  name: string
  role: Role
}

/** The load runs for so long before the first fault. */
const FIRST_MS = 2_000

/** A process that was started again is left alone for so long: the next fault would find none. */
const RECOVERY_MS = 4_000

/** Nothing begins so shortly before the end. */
const LAST_MS = 1_000

/** So often another choice is tried where the first does not fit. */
const CHOICES_MAX = 20

/** What {@link makeSchedule} needs. */
export interface ScheduleOptions {
  plan: Plan
  targets: readonly Target[]
  seconds: number
  seed: number
}

/**
 * The faults in the order of their time. No process has two at once; of the nats-servers only one is
 * away or recovering at a time, so that a cluster keeps its majority.
 */
export function makeSchedule({ plan, targets, seconds, seed }: ScheduleOptions): Fault[] {
  const random = createRandom(seed)
  const untilMs = seconds * 1_000 - LAST_MS
  const busy = new Map<string, number>()
  const gone = new Set<Role>()
  const candidates = plan.order === 'turn' ? inTurn(plan, targets, random) : undefined
  const faults: Fault[] = []
  for (let atMs = FIRST_MS; atMs < untilMs; atMs += between(plan.every, random)) {
    for (let choice = 0; choice < CHOICES_MAX; choice += 1) {
      const { hazard, target } = candidates?.next().value ?? pick(plan, targets, random)
      const lasts = hazard.lasts[random(hazard.lasts.length)] ?? [0, 0]
      const lastsMs = lasts === 'never' ? undefined : between(lasts, random)
      const isFree = (busy.get(busyKey(target)) ?? 0) <= atMs
      const isOver = lastsMs !== undefined && atMs + lastsMs > untilMs
      if (!isFree || isOver || (lastsMs === undefined && gone.has(target.role))) continue
      if (lastsMs === undefined) gone.add(target.role)
      busy.set(busyKey(target), lastsMs === undefined ? Infinity : atMs + lastsMs + RECOVERY_MS)
      faults.push({ atMs, action: hazard.action, target: target.name, lastsMs })
      break
    }
  }
  return faults
}

/** A fault as a person reads it. */
export function describeFault({ action, target, lastsMs }: Fault): string {
  const lasts = lastsMs === undefined ? 'for good' : `for ${(lastsMs / 1_000).toFixed(1)} s`
  return `${action} ${target} ${lasts}`
}

/** A schedule as a person reads it, one line each. */
export const describeSchedule = (faults: readonly Fault[]): string[] =>
  faults.map((fault) => `${(fault.atMs / 1_000).toFixed(1).padStart(7)} s  ${describeFault(fault)}`)

const busyKey = ({ name, role }: Target): string => (role === 'nats' ? 'nats' : name)

type Random = (below: number) => number

const between = ([minMs, maxMs]: Span, random: Random): number => minMs + random(maxMs - minMs + 1)

interface Candidate {
  hazard: Hazard
  target: Target
}

const isFitting = ({ roles, names }: Hazard, { name, role }: Target): boolean =>
  roles.includes(role) && (names?.includes(name) ?? true)

function pick(plan: Plan, targets: readonly Target[], random: Random): Candidate {
  const weights = plan.hazards.map(({ weight = 1 }) => weight)
  let ticket = random(weights.reduce((sum, weight) => sum + weight, 0))
  const index = weights.findIndex((weight) => (ticket -= weight) < 0)
  const hazard = plan.hazards[index]
  const fitting = targets.filter((each) => hazard && isFitting(hazard, each))
  const target = fitting[random(fitting.length || 1)]
  if (!hazard || !target) throw new TypeError('a hazard of the plan fits no process')
  return { hazard, target }
}

/** Every process with every hazard that fits it, in an order of the seed's, over and over. */
function* inTurn(plan: Plan, targets: readonly Target[], random: Random): Generator<Candidate> {
  const all = plan.hazards.flatMap((hazard) =>
    targets
      .filter((target) => isFitting(hazard, target))
      .map((target): Candidate => ({ hazard, target })),
  )
  if (all.length === 0) throw new TypeError('no hazard of the plan fits a process')
  for (;;) {
    const left = [...all]
    while (left.length > 0) yield* left.splice(random(left.length), 1)
  }
}

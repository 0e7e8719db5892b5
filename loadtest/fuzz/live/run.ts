/**
 * Puts case after case to processes that run, and after each round looks whether they live, how long
 * their loops were kept, and what memory they hold.
 */
import { murmur3 } from '#libs/hash/murmur3.ts'
import { createRandom } from '#loadtest/random.ts'
import type { FuzzedProcess } from './process.ts'
import { FindingError, type FuzzCase, type FuzzTarget } from './target.ts'

/** A loop that is kept for longer by one input is a finding. */
const HANG_MS = 100

/** Rounds after which caches, pools and compiled code are what they stay; from there memory is compared. */
const WARM_ROUNDS = 8

/** What may be held more than after the warm-up: full buffers and caches of some lanes. */
const GROWTH_BYTES_MAX = 96 * 2 ** 20

/** What a run is told. */
export interface LiveOptions {
  seed: number
  /** Ends after so many cases, or after so long, whichever comes first. */
  countMax: number
  durationMs: number
  /** Only this one. */
  index?: number
  onProgress?: (report: LiveReport) => void
}

/** Memory of a process after a collection of garbage. */
interface MemoryTold {
  heldBytes: number
  residentBytes: number
}

/** What a run did. */
export interface LiveReport {
  cases: number
  /** Frames or requests. */
  units: number
  outcomes: Map<string, number>
  /** The longest that a loop was kept, in CPU time, and in which process. */
  worstStallMs: number
  worst: string
  /** Rounds in which a loop was kept for over {@link HANG_MS}, but by none of its cases alone. */
  unrepeatedStalls: number
  /** What was counted before the first case. */
  faults: number
  /** By app. */
  memory: Map<string, { warm: MemoryTold; end: MemoryTold }>
}

/** The case of a run by its place: it does not depend on those before. */
export function caseAt<Case extends FuzzCase>(
  target: FuzzTarget<Case>,
  seed: number,
  index: number,
): Case {
  return target.makeCase(createRandom(murmur3(`${seed}/${index}`)))
}

/** Runs cases. @throws {FindingError} at the first finding. */
export async function runLive<Case extends FuzzCase>(
  target: FuzzTarget<Case>,
  { seed, countMax, durationMs, index: only, onProgress }: LiveOptions,
): Promise<LiveReport> {
  const report: LiveReport = {
    cases: 0,
    units: 0,
    outcomes: new Map(),
    worstStallMs: 0,
    worst: 'none',
    unrepeatedStalls: 0,
    faults: await faultsOf(target),
    memory: new Map(),
  }
  const until = performance.now() + durationMs
  const first = only ?? 0
  const end = first + (only === undefined ? countMax : 1)
  await lookAtAll(target)
  for (let from = first, round = 0; from < end; from += target.round, round += 1) {
    const indexes = Array.from({ length: Math.min(target.round, end - from) }, (_, at) => from + at)
    await putRound(target, seed, indexes, report)
    if (round === WARM_ROUNDS || round === 0) await noteMemory(target, report, 'warm')
    onProgress?.(report)
    if (performance.now() > until) break
  }
  await noteMemory(target, report, 'end')
  for (const [app, { warm, end: last }] of report.memory) {
    const grown = last.heldBytes - warm.heldBytes
    if (grown > GROWTH_BYTES_MAX) {
      throw new FindingError(`${app} holds ${grown} bytes more than at the beginning, seed ${seed}`)
    }
  }
  return report
}

async function putRound<Case extends FuzzCase>(
  target: FuzzTarget<Case>,
  seed: number,
  indexes: readonly number[],
  report: LiveReport,
): Promise<void> {
  const left = indexes.values()
  const lane = async (which: number): Promise<void> => {
    for (const index of left) {
      const made = caseAt(target, seed, index)
      try {
        const outcome = await target.put(made, which)
        const key = `${made.kind}: ${outcome}`
        report.outcomes.set(key, (report.outcomes.get(key) ?? 0) + 1)
      } catch (error) {
        throw finding(messageOf(error), seed, index, made)
      }
      report.cases += 1
      report.units += made.units
    }
  }
  const where = `seed ${seed}, cases ${indexes[0]} to ${indexes.at(-1)}`
  const ended = await Promise.allSettled(Array.from({ length: target.lanes }, (_, at) => lane(at)))
  failIfDead(target.processes, where)
  for (const each of ended) if (each.status === 'rejected') throw each.reason
  try {
    await target.settle()
  } catch (error) {
    failIfDead(target.processes, where)
    throw new FindingError(`${messageOf(error)} (${where})`, { cause: error })
  }
  const { stallMs, app, wallMs } = await lookAtAll(target)
  const faults = await faultsOf(target)
  if (stallMs > HANG_MS || faults > report.faults) {
    await putEachAlone(target, seed, indexes)
    if (faults > report.faults) throw new FindingError(`a fault was counted (${where})`)
    report.unrepeatedStalls += 1
  }
  if (stallMs > report.worstStallMs) {
    report.worstStallMs = stallMs
    report.worst = `${app}, ${Math.round(wallMs)} ms by the clock, in ${where}`
  }
}

/** @throws {FindingError} for the first that counts a fault, or keeps the loop each time. */
async function putEachAlone<Case extends FuzzCase>(
  target: FuzzTarget<Case>,
  seed: number,
  indexes: readonly number[],
): Promise<void> {
  for (const index of indexes) {
    const made = caseAt(target, seed, index)
    const faults = await faultsOf(target)
    // The collection of garbage and a first compilation come once; a hang comes every time.
    for (let count = 0; count < 3; count += 1) {
      await target.put(made, 0)
      await target.settle()
      const { stallMs, app } = await lookAtAll(target)
      if ((await faultsOf(target)) > faults) throw finding('a fault was counted', seed, index, made)
      if (stallMs <= HANG_MS) break
      if (count === 2) {
        throw finding(`${app} was kept for ${Math.round(stallMs)} ms each time`, seed, index, made)
      }
    }
  }
}

async function faultsOf({ processes }: Pick<FuzzTarget<FuzzCase>, 'processes'>): Promise<number> {
  let count = 0
  for (const each of processes) count += await each.faultCount()
  return count
}

interface Stall {
  stallMs: number
  wallMs: number
  app: string
}

async function lookAtAll({ processes }: Pick<FuzzTarget<FuzzCase>, 'processes'>): Promise<Stall> {
  let worst: Stall = { stallMs: 0, wallMs: 0, app: '' }
  for (const each of processes) {
    const { stallCpuMs, stallWallMs } = await each.look()
    if (stallCpuMs > worst.stallMs) {
      worst = { stallMs: stallCpuMs, wallMs: stallWallMs, app: each.app }
    }
  }
  return worst
}

async function noteMemory(
  { processes }: Pick<FuzzTarget<FuzzCase>, 'processes'>,
  { memory }: LiveReport,
  when: 'warm' | 'end',
): Promise<void> {
  for (const each of processes) {
    const { heldBytes, residentBytes } = await each.look({ withCollection: true })
    const told = { heldBytes, residentBytes }
    memory.set(each.app, { warm: told, end: told, ...memory.get(each.app), [when]: told })
  }
}

function failIfDead(processes: readonly FuzzedProcess[], where: string): void {
  for (const { app, end } of processes) {
    if (end !== undefined) throw new FindingError(`${app} ended by itself with ${end} (${where})`)
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)

/** How much of a case is shown; the seed and the index make all of it again. */
const SHOWN_LENGTH_MAX = 4_000

const finding = (what: string, seed: number, index: number, made: FuzzCase): FindingError =>
  new FindingError(
    `${what}\nwith ${made.kind}, --seed ${seed} --index ${index}: ${made.describe().slice(0, SHOWN_LENGTH_MAX)}`,
  )

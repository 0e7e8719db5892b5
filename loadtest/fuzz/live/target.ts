/** What is fuzzed while it runs: how a case is made, put to it, and judged. */
import type { FuzzedProcess } from './process.ts'

/** Random whole numbers below an end; a seed repeats them. */
export type Random = (below: number) => number

/** One input. */
export interface FuzzCase {
  /** What it is, in a word, for the report. */
  kind: string
  /** How many frames or requests it is. */
  units: number
  /** In a form from which a person can make it again. */
  describe(): string
}

/** What a process must not do was done. The message says what, and the case. */
export class FindingError extends Error {
  override readonly name = 'FindingError'
}

/** The processes under attack, and the way to them. Disposing it ends all. */
export interface FuzzTarget<Case extends FuzzCase> extends AsyncDisposable {
  readonly processes: readonly FuzzedProcess[]
  /** How many cases may be under way at once; each is put by one of so many lanes. */
  readonly lanes: number
  /** How many cases between two looks: all are put again where one of them kept a loop. */
  readonly round: number
  /** Equal numbers make equal cases. */
  makeCase(random: Random): Case
  /**
   * Puts a case by a lane, and resolves when it was answered or cannot be any more. What it resolves
   * with is counted: a word of its outcome.
   * @throws {FindingError} for an answer that none may give.
   */
  put(made: Case, lane: number): Promise<string>
  /** Resolves when all is taken that was put. @throws {FindingError} when a bystander was harmed. */
  settle(): Promise<void>
}

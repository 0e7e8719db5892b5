/** Telling the end of many sessions of one Talaria: some at once, and as long as it is right to. */
import type { TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { ToldReason } from '#apps/talaria/reasons.ts'
import type { StoredSession } from '#libs/nats/bucket/sessions.ts'
import type { Telling } from './telling.ts'

/** How many are told at once. */
const CONCURRENCY = 64

/** What {@link tellAll} needs. */
export interface TellAllOptions {
  talariaId: string
  reason: ToldReason
  telling: Telling
  /** Asked before each: whether it is still right to tell them. */
  isRight: () => boolean | Promise<boolean>
  metrics: TalariaMetrics
}

/**
 * Tells them and resolves with how many were, once all are or it is not right any more.
 * @throws the first error, once what was under way is done: the rest has to be told again.
 */
export async function tellAll(
  sessions: readonly StoredSession[],
  { talariaId, reason, telling, isRight, metrics }: TellAllOptions,
): Promise<number> {
  let index = 0
  let told = 0
  let failure: { error: unknown } | undefined
  const work = async (): Promise<void> => {
    for (;;) {
      const session = sessions[index++]
      if (!session || failure || !(await isRight())) return
      try {
        await telling.tellFor(talariaId, session, reason)
        told += 1
      } catch (error) {
        metrics.sessionFailures.inc()
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, sessions.length) }, work))
  if (failure) throw failure.error
  return told
}

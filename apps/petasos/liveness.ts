/**
 * Who of the Talarias answers: each is asked once a second. A lease tells of a machine that vanished
 * only when it has run out; a process that was killed has no responder at once.
 */
import type { Logger } from '#libs/log/logger.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { talariaSubject } from '#libs/nats/subjects.ts'
import { wait } from '#libs/retry/wait.ts'

/** How often all are asked. */
const ASK_MS = 1_000

/** Who did not answer once is asked again so soon: one lost message is no death. */
const ASK_AGAIN_MS = 200

/** So many times in a row without an answer, and devices are sent elsewhere. */
const MISSES_MAX = 2

/** A Talaria answers in milliseconds; one that stands still does not in a second either. */
const ANSWER_MS = 1_000

/** Who is silent. */
export interface Liveness extends AsyncDisposable {
  /** Talarias that hold a lease and do not answer. */
  readonly silent: ReadonlySet<string>
}

/** What {@link watchLiveness} needs. */
export interface LivenessOptions {
  nats: Nats
  /** The ids of those who hold a lease. */
  talarias: () => Iterable<string>
  /** Called after each change of {@link Liveness.silent}. */
  onChange: () => void
  log: Logger
}

/** Asks until disposed. */
export function watchLiveness(options: LivenessOptions): Liveness {
  const { nats, talarias, onChange, log } = options
  const ending = new AbortController()
  const misses = new Map<string, number>()
  const silent = new Set<string>()

  const judge = (answered: ReadonlyMap<string, boolean>): void => {
    for (const id of misses.keys()) if (!answered.has(id)) misses.delete(id)
    const before = [...silent].join()
    for (const id of silent) if (!answered.has(id)) silent.delete(id)
    // Nobody answers: then it is more likely our own view that is lost.
    const isViewGood = nats.isConnected && [...answered.values()].includes(true)
    for (const [id, hasAnswered] of answered) {
      if (hasAnswered) {
        misses.delete(id)
        if (silent.delete(id)) log.info({ talaria: id }, 'talaria answers again')
        continue
      }
      if (!isViewGood) continue
      const count = (misses.get(id) ?? 0) + 1
      misses.set(id, count)
      if (count < MISSES_MAX || silent.has(id)) continue
      silent.add(id)
      log.warn({ talaria: id }, 'talaria does not answer, no device is sent to it')
    }
    if ([...silent].join() !== before) onChange()
  }
  const askAll = async (): Promise<boolean> => {
    const ids = [...talarias()]
    const answers = await Promise.all(ids.map(async (id) => [id, await ask(nats, id)] as const))
    if (ending.signal.aborted) return false
    judge(new Map(answers))
    return answers.some(([id, hasAnswered]) => !hasAnswered && !silent.has(id))
  }
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const isDoubtful = nats.isConnected && (await askAll())
      await wait(isDoubtful ? ASK_AGAIN_MS : ASK_MS, ending.signal)
    }
  }
  const running = run()
  return {
    silent,
    async [Symbol.asyncDispose]() {
      ending.abort()
      await running
    },
  }
}

async function ask(nats: Nats, talariaId: string): Promise<boolean> {
  try {
    const subject = talariaSubject(talariaId, 'ping')
    await nats.connection.request(subject, undefined, { timeout: ANSWER_MS })
    return true
  } catch {
    // No responders, no answer in time, or an id that no subject can have.
    return false
  }
}

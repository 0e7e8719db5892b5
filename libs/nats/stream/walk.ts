/**
 * Reading what a stream has on some subjects, in the order of its sequence and a page at a time:
 * without a consumer, so that nothing is left behind and no more is under way than one page.
 */
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream'

/** How many messages are asked for at once, and how many bytes of them at most. */
const PAGE_LENGTH = 256
const PAGE_BYTES_MAX = 4 * 1_024 * 1_024

/** How long a page may take: the server sends it in one go. */
const PAGE_MS = 10_000

/** What JetStream says when nothing more fits. */
const NOT_FOUND = 404

/** The stream did not answer in time: the connection was lost, or nobody leads the stream. */
export class WalkError extends Error {
  override readonly name = 'WalkError'
  readonly code = 'WALK_TIMED_OUT'
}

/** Which messages. */
export interface WalkOptions {
  stream: string
  /** A subject, with wildcards too. */
  subject: string
  /** From a sequence on, or from a time on. */
  from: { sequence: number } | { time: Date }
}

/**
 * Yields pages of messages until there are no more. They may come from a replica that lags a
 * little: whoever acts on what is not there must be told by the stream if it is wrong in it.
 * @throws {WalkError}, and the client's errors.
 */
export async function* walk(
  manager: JetStreamManager,
  { stream, subject, from }: WalkOptions,
): AsyncGenerator<StoredMsg[], void> {
  let start = 'sequence' in from ? { seq: Math.max(1, from.sequence) } : { start_time: from.time }
  for (;;) {
    const page = await readPage(manager, stream, { ...start, next_by_subj: subject })
    const last = page.at(-1)
    if (!last) return
    yield page
    if (last.pending === 0) return
    start = { seq: last.seq + 1 }
  }
}

type Start = { seq: number } | { start_time: Date }

function readPage(
  manager: JetStreamManager,
  stream: string,
  start: Start & { next_by_subj: string },
): Promise<StoredMsg[]> {
  return new Promise((resolve, reject) => {
    const page: StoredMsg[] = []
    const timer = setTimeout(
      () => reject(new WalkError(`${stream} did not answer within ${PAGE_MS} ms`)),
      PAGE_MS,
    )
    const end = (error: Error | undefined): void => {
      clearTimeout(timer)
      if (!error || (error as { code?: number }).code === NOT_FOUND) resolve(page)
      else reject(error)
    }
    const options = {
      ...start,
      batch: PAGE_LENGTH,
      max_bytes: PAGE_BYTES_MAX,
      callback: (done: { err?: Error } | null, message: StoredMsg) => {
        if (done) end(done.err)
        else page.push(message)
      },
    }
    manager.direct.getBatch(stream, options).catch(end)
  })
}

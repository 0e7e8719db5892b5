/**
 * Starts the nats-server of `up` again: when it ended by itself, and when it could not write, after
 * which it refuses that stream until it is started again. One at a time, later each time.
 */
import { statfs } from 'node:fs/promises'
import type { Logger } from '#libs/log/logger.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { wait } from '#libs/retry/wait.ts'
import type { NatsServer } from '#nats/server.ts'
import type { Narrator } from './narration.ts'

/** A server that ends again and again is not started in a tight loop. */
const ENDED_BACKOFF = { firstMs: 200, maxMs: 5_000 }

/** One that cannot write again and again even less: each start reads all its files. */
const WRITE_BACKOFF = { firstMs: 1_000, maxMs: 60_000 }

/** A server that could write for so long begins with the first wait again. */
const WELL_MS = 300_000

/** Below this much room a started server would only fail again: some of JetStream's 8-MiB blocks. */
const ROOM_BYTES = 32 * 1024 * 1024

/** How often it is looked whether there is room. */
const ROOM_LOOK_MS = 2_000

/** Why it is started again: it ended, or what it said of a write that failed. */
export type RestartReason = { kind: 'ended' } | { kind: 'write-failed'; said: string }

/** Starts it again. Disposing it ends a start that is waiting. */
export interface Restarts extends AsyncDisposable {
  /** Nothing while it is being started again already. */
  request(reason: RestartReason): void
}

/** What {@link createRestarts} needs. */
export interface RestartsOptions {
  /** The server, which may not be there yet when this is made. */
  server: () => NatsServer
  /** Where its files are: there has to be room. */
  directory: string
  narrator: Narrator
  log: Logger
}

/** Nothing is being started. */
export function createRestarts(options: RestartsOptions): Restarts {
  const ending = new AbortController()
  const writeBackoff = createBackoff(WRITE_BACKOFF)
  let writtenUntil = -Infinity
  let restarting: Promise<void> | undefined
  const afterReason = async (reason: RestartReason): Promise<void> => {
    if (reason.kind === 'write-failed') {
      options.narrator.say(
        'nats',
        `nats-server could not write and stores nothing until it is started again: ${reason.said}`,
      )
      if (performance.now() - writtenUntil > WELL_MS) writeBackoff.reset()
      if (!(await wait(writeBackoff.nextMs(), ending.signal))) return
      await untilRoom(options, ending.signal)
    }
    await startAgain(options, ending.signal)
    writtenUntil = performance.now()
  }
  return {
    request(reason) {
      if (ending.signal.aborted) return
      restarting ??= afterReason(reason).finally(() => (restarting = undefined))
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      await restarting
    },
  }
}

async function untilRoom(
  { directory, narrator }: RestartsOptions,
  signal: AbortSignal,
): Promise<void> {
  let isTold = false
  for (;;) {
    // A file system that cannot say is taken to have room: the waits between starts grow.
    const found = await statfs(directory).catch(() => undefined)
    const freeBytes = found ? found.bavail * found.bsize : Infinity
    if (freeBytes >= ROOM_BYTES) return
    if (!isTold) {
      const [free, needed] = [freeBytes, ROOM_BYTES].map((bytes) => Math.floor(bytes / 1_048_576))
      narrator.say('nats', `waiting for room in ${directory}: ${free} MiB free, ${needed} needed`)
    }
    isTold = true
    if (!(await wait(ROOM_LOOK_MS, signal))) return
  }
}

async function startAgain(
  { server, narrator, log }: RestartsOptions,
  signal: AbortSignal,
): Promise<void> {
  const backoff = createBackoff(ENDED_BACKOFF)
  while (await wait(backoff.nextMs(), signal)) {
    try {
      await server().restart()
      narrator.say('nats', 'nats-server started again')
      return
    } catch (error) {
      log.error({ error: String(error) }, 'nats-server cannot be started again')
    }
  }
}

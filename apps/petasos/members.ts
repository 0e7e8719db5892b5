/**
 * The Talarias that devices are sent to: who holds a lease and answers. Until NATS is there, those
 * of the list on disk.
 */
import { natsOf } from '#libs/config/common.ts'
import type { Logger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { watchLeases, type Leases } from '#libs/nats/bucket/lease.ts'
import { watchStreams } from '#libs/nats/stream/streams-watch.ts'
import { openTalarias, TALARIA_LEASE_MS, type TalariaEntry } from '#libs/nats/bucket/talarias.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { wait } from '#libs/retry/wait.ts'
import type { PetasosConfig } from './config.ts'
import { openListFile, readListFile } from './list-file.ts'
import { watchLiveness, type Liveness } from './liveness.ts'
import { STREAMS, type PetasosMetrics, type TalariaList } from './metrics.ts'

/** Waits after a NATS that refused: somebody may be configuring it. */
const REFUSED_BACKOFF = { firstMs: 1_000, maxMs: 30_000 }

/** The list, kept up to date until disposed. */
export interface Members extends TalariaList, AsyncDisposable {
  /** Resolves when NATS has told who is there. Rejects as {@link connectNats} and {@link watchStreams} do. */
  readonly known: Promise<void>
}

/** What {@link followMembers} needs. */
export interface MembersOptions {
  config: PetasosConfig
  metrics: PetasosMetrics
  log: Logger
}

/** Begins to follow. */
export function followMembers(options: MembersOptions): Members {
  const { config, log } = options
  const saved = readListFile(config.PETASOS_LIST_FILE, log)
  const ending = new AbortController()
  const file = openListFile(config.PETASOS_LIST_FILE, log)
  let attempt = new AsyncDisposableStack()
  let leases: Leases<TalariaEntry> | undefined
  let liveness: Liveness | undefined
  let current: ReadonlyMap<string, TalariaEntry> = saved ?? new Map()

  const renew = (): void => {
    if (!leases) return
    const all = leases.current()
    file.keep(all)
    const silent = liveness?.silent ?? new Set<string>()
    current = new Map([...all].filter(([id]) => !silent.has(id)))
  }
  const open = async (): Promise<void> => {
    // What an attempt before this one had opened goes first.
    await attempt.disposeAsync()
    attempt = new AsyncDisposableStack()
    const { signal } = ending
    const nats = attempt.use(await connectNats({ ...natsOf(config), name: 'petasos', log, signal }))
    options.metrics.connections.watch('petasos', nats)
    const watching = { names: STREAMS, gauge: options.metrics.streamMissing, log }
    attempt.use(await watchStreams(nats, watching))
    const bucket = await openTalarias(nats, log)
    const watched = await watchLeases(bucket, { ttlMs: TALARIA_LEASE_MS, log, nats })
    leases = attempt.use(watched)
    const talarias = (): Iterable<string> => watched.current().keys()
    liveness = attempt.use(watchLiveness({ nats, talarias, onChange: renew, log }))
    watched.onChange(renew)
    renew()
  }
  const known = saved ? openUntilDone(open, ending.signal, log) : open()
  // Whoever waits for it hears of a failure; nobody need.
  known.catch(() => undefined)
  return {
    known,
    current: () => current,
    get isStale() {
      return leases?.isStale ?? true
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      // Without the connection whatever is still being opened fails at once.
      await attempt.disposeAsync()
      await known.catch(() => undefined)
      await file[Symbol.asyncDispose]()
    },
  }
}

/** With a list that serves, a NATS that refuses is no reason to end: it is said, and tried again. */
async function openUntilDone(
  open: () => Promise<void>,
  signal: AbortSignal,
  log: Logger,
): Promise<void> {
  const backoff = createBackoff(REFUSED_BACKOFF)
  for (;;) {
    try {
      return await open()
    } catch (error) {
      if (signal.aborted) return
      log.error({ error: String(error) }, 'the list on disk is served, as NATS cannot be used')
      if (!(await wait(backoff.nextMs(), signal))) return
    }
  }
}

/**
 * The presence of devices, put together: those held here, what a former self left, and those of
 * other Talarias that are gone. Disposing it waits for what is owed; the rest others tell. ADR 20.
 */
import type { TalariaFaults, TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { CloseReason } from '#apps/talaria/reasons.ts'
import type { Device } from '#apps/talaria/session/connection/device.ts'
import type { Devices } from '#apps/talaria/session/devices.ts'
import { createLink } from '#apps/talaria/uplink/link.ts'
import type { Store } from '#apps/talaria/uplink/store.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Bucket } from '#libs/nats/bucket/bucket.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { openSessions } from '#libs/nats/bucket/sessions.ts'
import type { TalariaEntry } from '#libs/nats/bucket/talarias.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { wait } from '#libs/retry/wait.ts'
import { createOwnSessions } from './own-sessions.ts'
import { reconcile } from './reconcile.ts'
import { createTelling } from './telling.ts'
import { watchAbsent } from './watch.ts'

/** How long a start waits for what a former self left to be told: 100,000 sessions take as long. */
const TAKE_UP_MS = 10_000

/** Between attempts to compare entries and devices. */
const BACKOFF = { firstMs: 500, maxMs: 10_000 }

/** When sessions that were left to their entries are looked for, at some of their count at a time. */
const LEFT_MS = 60_000

/** How long the end may take to say that nothing is left here. */
const WITHDRAW_MS = 1_000

/** The presence of devices. */
export interface Presence extends AsyncDisposable {
  begin(device: Device): void
  end(device: Device, reason: CloseReason, error: Error | undefined): void
  /** Tells what a former self left; resolves when it is told, or goes on after 10 s. */
  takeUp(): Promise<void>
  /** Others may have taken this Talaria for gone: looks for devices that they told offline. */
  readonly recheck: () => void
  /** Tells the sessions of others that are gone, until disposed. */
  watch(talarias: Bucket<TalariaEntry>): Promise<AsyncDisposable>
}

/** What {@link openPresence} needs. */
export interface PresenceOptions {
  nats: Nats
  store: Store
  devices: Devices
  talariaId: string
  /** Of the events: a locator. */
  source: string
  leaseMs: number
  settleMs: number
  metrics: TalariaMetrics
  faults: TalariaFaults
  log: Logger
}

/** Opens it on the connection for what goes into the stream. No I/O until it is used. */
export async function openPresence(options: PresenceOptions): Promise<Presence> {
  const { nats, talariaId, leaseMs, settleMs, metrics, log } = options
  const sessions = await openSessions(nats, log)
  const telling = await createTelling({ ...options, sessions })
  const link = createLink(nats)
  const ending = new AbortController()
  const later = createLater()
  let announced = 0
  let isWanted = false
  let running: Promise<void> | undefined

  const compare = async (): Promise<void> => {
    const backoff = createBackoff(BACKOFF)
    while (isWanted && !ending.signal.aborted) {
      isWanted = false
      try {
        announced = await sessions.announce(talariaId)
        await reconcile({ ...options, sessions, telling, own, signal: ending.signal })
      } catch (error) {
        isWanted = true
        metrics.sessionFailures.inc()
        if (ending.signal.aborted) return
        log.warn({ error: String(error) }, 'entries of sessions not compared yet')
        await wait(backoff.nextMs(), ending.signal)
      }
    }
  }
  const recheck = (): Promise<void> => {
    isWanted = true
    return (running ??= compare().finally(() => (running = undefined)))
  }
  const onForgotten = (): void => {
    log.warn('the bucket of sessions was emptied: what is held is entered again')
    void recheck()
  }
  const onLeft = (): void => later.run(LEFT_MS, () => void recheck())
  const own = createOwnSessions({ ...options, link, sessions, telling, onLeft })
  return {
    begin: (device) => own.begin(device),
    end: (device, reason, error) => own.end(device, reason, error),
    async takeUp() {
      const timer = new AbortController()
      const isDone = await Promise.race([
        recheck().then(() => true),
        wait(TAKE_UP_MS, timer.signal).then(() => false),
      ])
      timer.abort()
      if (!isDone) log.warn('what a former self left is not all told yet, it goes on meanwhile')
    },
    recheck() {
      log.warn('the lease was renewed late: others may have told devices offline')
      void recheck()
      // Somebody who had begun to tell was perhaps not done.
      later.run(leaseMs, () => void recheck())
    },
    watch: (talarias) => watchAbsent({ ...options, talarias, sessions, telling, onForgotten }),
    async [Symbol.asyncDispose]() {
      later[Symbol.dispose]()
      ending.abort()
      await running
      if (await own.settle(settleMs)) {
        const withdrawn = sessions.withdraw(talariaId, announced).catch(() => false)
        await Promise.race([withdrawn, wait(WITHDRAW_MS)])
      }
      link[Symbol.dispose]()
    },
  }
}

/** One thing that is done later, once, however often it is asked for. */
function createLater(): Disposable & { run(ms: number, act: () => void): void } {
  let timer: NodeJS.Timeout | undefined
  return {
    run(ms, act) {
      timer ??= setTimeout(() => {
        timer = undefined
        act()
      }, ms)
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}

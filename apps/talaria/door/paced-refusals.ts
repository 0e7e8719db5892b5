/**
 * Answers those who are refused, at a pace. Genuine Parodus tries again at once when it is told 403,
 * some thousand times a second, and asks Themis as often: so whoever is refused again is kept
 * waiting for its answer. A good token is never kept waiting, whatever came under the same id before.
 */
import type { Duplex } from 'node:stream'
import type { TalariaFaults, TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { RefusalReason } from '#apps/talaria/reasons.ts'
import type { Logger } from '#libs/log/logger.ts'
import { Refusal, writeRefusal } from './refusal.ts'

/** For so long a device that was refused is remembered: one log line, then a count. */
const REMEMBERED_MS = 60_000

/** How often it is looked for who may be forgotten. */
const SWEEP_MS = 5_000

/** More devices than this at once are not told apart: they wait, and are logged as a number. */
const REMEMBERED_MAX = 10_000

/** Sockets that wait for their refusal; each is some 10 kB. Who comes over it backs off by the 503. */
const HELD_MAX = 2_000

/**
 * The device is at fault and its next try will not be better at once. Not those that say "later":
 * a device backs off by itself then, and a Talaria that is full must not keep sockets.
 */
const PACED: ReadonlySet<RefusalReason> = new Set([
  'device-name-missing',
  'device-name-invalid',
  'token-missing',
  'token-invalid',
  'token-key-unknown',
  'token-expired',
  'token-claims',
  'scheme-unsupported',
  'device-mismatch',
])

/**
 * Kept waiting the first time already: a change of keys, of the issuer or of the audience refuses all
 * devices at the same moment, and all would be at Themis in the next.
 */
const PACED_AT_ONCE: ReadonlySet<RefusalReason> = new Set(['token-key-unknown', 'token-claims'])

/** Who is refused. */
export interface Applicant {
  /** The device id that it claims; else whatever it said. */
  name: string
  address: string | undefined
}

/** Refuses. Disposing it lets go of all who wait. */
export interface PacedRefusals extends Disposable {
  refuse(socket: Duplex, refusal: Refusal, applicant: Applicant): void
}

/** What {@link createPacedRefusals} needs. */
export interface PacedRefusalsOptions {
  /** How long an answer is held back; 0: never. */
  holdMs: number
  rememberedMs?: number
  metrics: TalariaMetrics
  faults: TalariaFaults
  log: Logger
}

interface Remembered {
  applicant: Applicant
  since: number
  count: number
  isHeld: boolean
}

/** Nobody refused yet. */
export function createPacedRefusals(options: PacedRefusalsOptions): PacedRefusals {
  const { holdMs, rememberedMs = REMEMBERED_MS, metrics, faults, log } = options
  const remembered = new Map<string, Remembered>()
  const held = new Map<Duplex, NodeJS.Timeout>()
  let unknownCount = 0

  const forget = (): void => {
    const now = performance.now()
    for (const [key, { applicant, since, count }] of remembered) {
      if (now - since < rememberedMs) break
      remembered.delete(key)
      if (count > 1) log.warn({ ...applicant, count }, 'device refused again and again')
    }
    if (unknownCount > 0) log.warn({ count: unknownCount }, 'more devices refused')
    unknownCount = 0
  }
  const sweep = setInterval(() => faults.try('refusal', forget), Math.min(SWEEP_MS, rememberedMs))
  sweep.unref()

  const remember = (applicant: Applicant, refusal: Refusal): Remembered | undefined => {
    // The name alone is what anybody may say: whoever uses another's must not keep him waiting.
    const key = `${applicant.name} ${applicant.address ?? ''}`
    const known = remembered.get(key)
    if (known) known.count += 1
    else if (remembered.size >= REMEMBERED_MAX) unknownCount += 1
    else {
      const { reason, status } = refusal
      log.warn({ ...applicant, reason, status }, 'device refused')
      remembered.set(key, { applicant, since: performance.now(), count: 1, isHeld: false })
    }
    return remembered.get(key)
  }
  const hold = (socket: Duplex, refusal: Refusal, entry: Remembered | undefined): void => {
    const release = (): void => {
      clearTimeout(held.get(socket))
      held.delete(socket)
      if (entry) entry.isHeld = false
    }
    if (entry) entry.isHeld = true
    socket.once('close', release)
    // Read on, or a device that goes away meanwhile would not be noticed.
    socket.once('end', () => socket.destroy()).resume()
    const timer = setTimeout(() => {
      release()
      if (socket.destroyed) return
      if (!faults.try('refusal', () => writeRefusal(socket, refusal))) socket.destroy()
    }, holdMs)
    held.set(socket, timer)
    metrics.refusalsHeld.inc()
  }

  return {
    refuse(socket, refusal, applicant) {
      metrics.refusals.inc({ reason: refusal.reason })
      const entry = remember(applicant, refusal)
      const isAgain = entry === undefined || entry.count > 1
      const isPaced =
        holdMs > 0 && PACED.has(refusal.reason) && (isAgain || PACED_AT_ONCE.has(refusal.reason))
      if (!isPaced) return writeRefusal(socket, refusal)
      if (entry?.isHeld || held.size >= HELD_MAX) return writeRefusal(socket, tooMany(refusal))
      hold(socket, refusal, entry)
    },
    [Symbol.dispose]() {
      clearInterval(sweep)
      for (const [socket, timer] of held) {
        clearTimeout(timer)
        socket.destroy()
      }
      held.clear()
    },
  }
}

/** Not 403, on which a genuine device tries again at once: any other failure makes it back off. */
const tooMany = (refusal: Refusal): Refusal =>
  new Refusal(refusal.reason, 503, 'refused too often, try again later')

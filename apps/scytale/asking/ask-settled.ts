/**
 * A command, and what may be said when nobody took it. That NATS knows of no Talaria that holds the
 * device is true at once when no Talaria is just coming back to NATS, and only then: so it is asked
 * between two looks at all of them. Such a command reached nobody, so asking again sends nothing
 * twice. ADR 19.
 */
import { wait } from '#libs/retry/wait.ts'
import type { DeviceId } from '#libs/wrp/locator.ts'
import type { Commander, CommandRequestOptions } from '#libs/nats/command/command.ts'
import type { CommandOutcome } from '#libs/nats/command/pending-command.ts'
import type { ScytaleMetrics } from '#apps/scytale/metrics.ts'
import type { Untaken } from './untaken.ts'
import { isUnchanged, type Look, type View } from './view.ts'

/**
 * For how long it is asked again. Connections come back within some 1.3 s, a device that its Talaria
 * let go needs some seconds: its caller had better come again himself.
 */
const UNSETTLED_MS = 2_000

/** Between two tries. */
const AGAIN_MS = 50

/** What became of a command; `no-responders` is definite now. */
export type AskOutcome =
  | Exclude<CommandOutcome, { outcome: 'not-taken' }>
  /** Who holds the device could not be known: it reached nobody. */
  | { outcome: 'unsettled' }

/** Asks a device; always resolves. A device that is found late has its whole time to answer. */
export type AskSettled = (
  subject: string,
  payload: Uint8Array,
  options: Omit<CommandRequestOptions, 'proveUntaken'> & { device: DeviceId },
) => Promise<AskOutcome>

/** What {@link createAskSettled} needs. */
export interface AskSettledOptions {
  commander: Commander
  view: View
  untaken: Untaken
  metrics: ScytaleMetrics
}

/** Makes the function that asks. */
export function createAskSettled(parts: AskSettledOptions): AskSettled {
  const { commander, view, untaken, metrics } = parts
  return async (subject, payload, { device, ...asked }) => {
    const options = { ...asked, proveUntaken: (sentAt: number) => untaken.prove(device, sentAt) }
    const until = performance.now() + UNSETTLED_MS
    const first = await commander.request(subject, payload, options)
    if (!hasReachedNobody(first)) return first
    // A device that is being let go is on its way to another Talaria: it is not said to be away.
    let isMoving = first.outcome === 'not-taken' && first.isMoving
    for (;;) {
      const before = await view.look()
      metrics.askedAgain.inc()
      const asking = commander.request(subject, payload, options)
      // Behind the command on the same connection: NATS handles them in this order.
      const looking = before && view.look()
      const found = await asking
      if (!hasReachedNobody(found)) return found
      isMoving ||= found.outcome === 'not-taken' && found.isMoving
      if (found.outcome === 'no-responders' && !isMoving) {
        if (isDefinite(before, await looking)) return found
      }
      if (performance.now() >= until) return { outcome: 'unsettled' }
      if (!(await wait(AGAIN_MS, options.signal))) return { outcome: 'aborted' }
    }
  }
}

type ReachedNobody = Extract<CommandOutcome, { outcome: 'no-responders' | 'not-taken' }>

const hasReachedNobody = (found: CommandOutcome): found is ReachedNobody =>
  found.outcome === 'no-responders' || found.outcome === 'not-taken'

const isDefinite = (before: Look | undefined, behind: Look | undefined): boolean =>
  before !== undefined && behind !== undefined && isUnchanged(before, behind)

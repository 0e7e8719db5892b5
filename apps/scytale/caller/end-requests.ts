/** The end of Scytale as its callers see it: who waits gets an answer, the device's or a definite 503. */
import type { Logger } from '#libs/log/logger.ts'
import type { Commander } from '#libs/nats/command/command.ts'
import type { Admission } from './admission.ts'

/** How long it takes to say 503 to all that are left: nothing is waited for. */
const REFUSE_MS = 1_000

/** What {@link endRequests} needs. */
export interface EndRequestsOptions {
  admission: Admission
  commander: Commander
  /** How long devices may still answer. */
  waitMs: number
  log: Logger
}

/** Lets no request in, waits for those that are under way, and gives up the rest. */
export async function endRequests(options: EndRequestsOptions): Promise<void> {
  const { admission, commander, waitMs, log } = options
  admission.end()
  if (await admission.empty(waitMs)) return
  log.warn({ count: commander.pendingCount }, 'requests given up at the end')
  commander.giveUp()
  await admission.empty(REFUSE_MS)
}

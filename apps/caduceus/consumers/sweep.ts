/** Removes what has expired, with its consumers; every instance does it, and once is enough. */
import { wait } from '#libs/retry/wait.ts'
import { removeDurables } from './durable/remove-durables.ts'
import { createOrphanSweep, type OrphanSweepOptions } from './orphans.ts'

/** Consumers without a webhook are looked for in each so-many-th sweep: it lists all of them. */
const ORPHANS_EVERY = 20

/** What {@link sweepForEver} needs. */
export interface SweepOptions extends OrphanSweepOptions {
  everyMs: number
  graceMs: number
  signal: AbortSignal
}

/** Sweeps until the signal aborts. Never rejects. */
export async function sweepForEver(options: SweepOptions): Promise<void> {
  const { everyMs, signal, log } = options
  const sweepOrphans = createOrphanSweep(options)
  // At random places of the period, so that instances do not do the same at the same time.
  for (let round = 1; await wait(everyMs * (0.8 + 0.4 * Math.random()), signal); round += 1) {
    try {
      await sweepExpired(options)
      if (round % ORPHANS_EVERY !== 0) continue
      await sweepOrphans()
    } catch (error) {
      if (!signal.aborted) log.warn({ error: String(error) }, 'sweep failed')
    }
  }
}

async function sweepExpired(options: SweepOptions): Promise<void> {
  const { webhooks, bucket, manager, graceMs, metrics, log } = options
  for (const { id, webhook } of webhooks.all()) {
    if (webhook.untilMs + graceMs > Date.now()) continue
    const found = await bucket.get(id)
    if (found && found.value.untilMs + graceMs > Date.now()) {
      // Renewed, and our watch does not know yet.
      webhooks.apply(id, found.value, found.revision)
      continue
    }
    // What cannot be read may be a renewal by a newer version: not ours to end.
    if (!found && (await bucket.has(id))) continue
    if (found) await bucket.delete(id)
    const pending = await removeDurables(manager, id)
    webhooks.remove(id)
    metrics.dropped.inc({ reason: 'expired' }, pending)
    log.info({ webhookId: id, pending }, 'webhook expired')
  }
}

/** Which Talarias hold a lease: those who must have answered before a 404 is said. */
import type { Logger } from '#libs/log/logger.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { watchLeases } from '#libs/nats/bucket/lease.ts'
import { requireStreams } from '#libs/nats/stream/streams.ts'
import { openTalarias, TALARIA_LEASE_MS, TALARIAS_BUCKET } from '#libs/nats/bucket/talarias.ts'

/** The list, kept up to date until disposed. */
export interface TalariaIds extends AsyncDisposable {
  readonly current: () => Iterable<string>
}

/** Resolves when the list is known. @throws StreamsMissingError. */
export async function watchTalarias(nats: Nats, log: Logger): Promise<TalariaIds> {
  await requireStreams(nats, [`KV_${TALARIAS_BUCKET}`], log)
  const bucket = await openTalarias(nats, log)
  const leases = await watchLeases(bucket, { ttlMs: TALARIA_LEASE_MS, log, nats })
  return {
    current: () => leases.current().keys(),
    [Symbol.asyncDispose]: () => leases[Symbol.asyncDispose](),
  }
}

/**
 * The connections that events come by. They carry nothing else, so that events on their way hold up
 * no acknowledgement of a registration, a dead letter or a look; and an owner's events come by one
 * of them, so that not everybody's wait behind them.
 */
import { createHash } from 'node:crypto'
import type { CaduceusConfig } from '#apps/caduceus/config.ts'
import { PULL_CONNECTIONS, type Metrics } from '#apps/caduceus/metrics.ts'
import { natsOf } from '#libs/config/common.ts'
import type { Logger } from '#libs/log/logger.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { wait } from '#libs/retry/wait.ts'

/** The connections; disposing closes them. */
export interface PullConnections extends AsyncDisposable {
  of(owner: string): Nats
  /**
   * Waits until everything that was on its way has come, and says whether it has: what is asked on
   * another connection overtakes events.
   */
  settled(withinMs: number): Promise<boolean>
}

/** @throws what {@link connectNats} throws. */
export async function openPullConnections(
  config: CaduceusConfig,
  { metrics, log }: { metrics: Metrics; log: Logger },
): Promise<PullConnections> {
  await using opening = new AsyncDisposableStack()
  const all: Nats[] = []
  for (const name of PULL_CONNECTIONS) {
    const nats = opening.use(await connectNats({ ...natsOf(config), name, log }))
    metrics.connections.watch(name, nats)
    all.push(nats)
  }
  const opened = opening.move()
  return {
    of(owner) {
      const [place = 0] = createHash('sha256').update(owner).digest()
      return all[place % all.length] as Nats
    },
    settled(withinMs) {
      const flushed = Promise.all(all.map(({ connection }) => connection.flush()))
      return Promise.race([
        flushed.then(
          () => true,
          () => false,
        ),
        wait(withinMs).then(() => false),
      ])
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** The nats-server of `up`: found, started, given its streams, and started again when it ends by itself. */
import type { Workspace } from '#apps/xmidt/workspace.ts'
import type { Logger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connect.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { wait } from '#libs/retry/wait.ts'
import { applyStreams } from '#nats/apply.ts'
import { findNatsServer } from '#nats/binary.ts'
import type { UserName } from '#nats/permissions.ts'
import { startNatsServer, type NatsServer } from '#nats/server.ts'
import type { Narrator } from './narration.ts'

/** A server that ends again and again is not started in a tight loop. */
const RESTART_BACKOFF = { firstMs: 200, maxMs: 5_000 }

/** The running server. */
export interface Broker extends AsyncDisposable {
  /** Where a user of NATS connects, with its password. */
  readonly urlOf: (user: UserName) => string
}

/** What {@link startBroker} needs. */
export interface BrokerOptions {
  workspace: Workspace
  port: number
  narrator: Narrator
}

/** Starts the server and applies the streams. @throws {BinaryMissingError}, {NatsServerError}, {ApplyError}. */
export async function startBroker({ workspace, port, narrator }: BrokerOptions): Promise<Broker> {
  await using starting = new AsyncDisposableStack()
  const log = narrator.loggerOf('nats', 'nats')
  const binary = await findNatsServer({
    onProgress: (text: string) => process.stdout.write(`${text}\n`),
  })
  const passwords = workspace.credentials.nats
  const ending = new AbortController()
  let restarting = Promise.resolve()
  const server = starting.use(
    await startNatsServer({
      binary,
      port,
      directory: workspace.storeDirectory,
      passwords,
      log,
      onEnded() {
        restarting = restart(server, narrator, log, ending.signal)
      },
    }),
  )
  starting.defer(async () => {
    ending.abort()
    await restarting
  })
  const urlOf = (user: UserName): string =>
    `nats://${user}:${passwords[user]}@127.0.0.1:${server.port}`
  {
    await using nats = await connectNats({ url: urlOf('provisioner'), name: 'xmidt up', log })
    await applyStreams(nats.connection, { replicas: 1, log })
  }
  narrator.say('nats', `nats-server on 127.0.0.1:${server.port}, streams and buckets applied`)
  const running = starting.move()
  return {
    urlOf,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function restart(
  server: NatsServer,
  narrator: Narrator,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const backoff = createBackoff(RESTART_BACKOFF)
  while (await wait(backoff.nextMs(), signal)) {
    try {
      await server.restart()
      narrator.say('nats', 'nats-server started again')
      return
    } catch (error) {
      log.error({ error: String(error) }, 'nats-server cannot be started again')
    }
  }
}

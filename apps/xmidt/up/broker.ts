/** The nats-server of `up`: found, started, given its streams, and kept: it and they. */
import type { Workspace } from '#apps/xmidt/workspace.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { applyStreams } from '#nats/apply.ts'
import { findNatsServer } from '#nats/binary/binary.ts'
import type { UserName } from '#nats/permissions.ts'
import { startNatsServer, type NatsServer } from '#nats/server.ts'
import { keepStreams } from './keep-streams.ts'
import type { Narrator } from './narration.ts'
import { createRestarts } from './restarts.ts'

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
  const directory = workspace.storeDirectory
  const restarts = createRestarts({ server: () => server, directory, narrator, log })
  const server: NatsServer = starting.use(
    await startNatsServer({
      binary,
      port,
      directory,
      passwords,
      log,
      onEnded: () => restarts.request({ kind: 'ended' }),
      onWriteFailed: (said) => restarts.request({ kind: 'write-failed', said }),
    }),
  )
  starting.use(restarts)
  const urlOf = (user: UserName): string =>
    `nats://${user}:${passwords[user]}@127.0.0.1:${server.port}`
  const nats = starting.use(await connectNats({ url: urlOf('provisioner'), name: 'xmidt up', log }))
  await applyStreams(nats.connection, { replicas: 1, log })
  starting.use(keepStreams({ nats, narrator, log }))
  narrator.say('nats', `nats-server on 127.0.0.1:${server.port}, streams and buckets applied`)
  const running = starting.move()
  return {
    urlOf,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** A real nats-server of a test's own: any free port, a directory of its own, the streams applied. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { applyStreams } from '#nats/apply.ts'
import { REGION, USERS, type UserName, type UserPermissions } from '#nats/permissions.ts'
import type { Region } from '#nats/region.ts'
import { startNatsServer, type NatsServer } from '#nats/server.ts'

/** A cap that the disk of any machine has room for several times at once. */
const EVENTS_BYTES_MAX = 64 * 1024 * 1024

/** The caps of both streams of events. */
export const EVENTS_CAPS = { eventsBytesMax: EVENTS_BYTES_MAX, eventsLowBytesMax: EVENTS_BYTES_MAX }

/**
 * A user of tests of `libs/nats` alone, which know no app: it may everything in FABRIC. What an app
 * does is tested with that app's user.
 */
const LIBRARY: UserPermissions = {
  user: 'library',
  account: 'FABRIC',
  publish: ['>'],
  subscribe: ['>'],
}

const ALL_USERS = [...USERS, LIBRARY, REGION]

/** A running server. Disposing it stops it and removes its files. */
export interface TestNats extends AsyncDisposable {
  /** Where a user connects, with its password. */
  urlOf(user: UserName | 'library'): string
  readonly server: NatsServer
  /** Where it keeps its files. */
  readonly directory: string
  /** Makes the streams that are missing, as whoever sets up streams does. */
  apply(): Promise<void>
  /** Takes a stream away with all that is in it. */
  lose(stream: string): Promise<void>
  /** Kills the server and starts it with an empty directory, as after the loss of its disk. */
  loseAll(): Promise<void>
}

/** The passwords of all users on a test's server. */
export const TEST_PASSWORDS: Readonly<Record<string, string>> = Object.fromEntries(
  ALL_USERS.map(({ user }) => [user, `${user}-password`]),
)

/**
 * Starts a server for one test file or one test. At its end the test fails if the server refused
 * something to a user, unless the test is about that: so each test shows that every app has the
 * permissions that it needs. `region` makes it one of several.
 */
export async function startTestNats({
  expectsRefusals = false,
  region,
}: { expectsRefusals?: boolean; region?: Region | undefined } = {}): Promise<TestNats> {
  const directory = mkdtempSync(join(tmpdir(), 'xmidt-nats-'))
  const log = createLogger('nats', { level: 'silent' })
  const binary = process.env.NATS_SERVER_BIN ?? 'nats-server'
  const server = await startNatsServer({
    binary,
    directory,
    port: 0,
    passwords: TEST_PASSWORDS,
    users: ALL_USERS,
    region,
    log,
    isMonitored: true,
  })
  const urlOf = (user: string): string =>
    `nats://${user}:${TEST_PASSWORDS[user]}@127.0.0.1:${server.port}`
  const provision = async (act: (nats: NatsConnection) => Promise<unknown>): Promise<void> => {
    await using nats = await connectNats({ url: urlOf('provisioner'), name: 'test', log })
    await act(nats.connection)
  }
  const apply = (): Promise<void> =>
    provision((nats) => applyStreams(nats, { ...EVENTS_CAPS, log }))
  await apply()
  return {
    urlOf,
    server,
    directory,
    apply,
    async loseAll() {
      await server.stop('SIGKILL')
      rmSync(join(directory, 'store'), { recursive: true })
      await server.restart()
    },
    lose: (stream) =>
      provision(async (nats) =>
        (await jetstreamManager(nats, { checkAPI: false })).streams.delete(stream),
      ),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      const refusals = refusalsIn(join(directory, 'nats-server.log'))
      rmSync(directory, { recursive: true, force: true })
      if (refusals.length > 0 && !expectsRefusals) {
        throw new Error(`NATS refused what a user needs:\n${refusals.join('\n')}`)
      }
    },
  }
}

const refusalsIn = (logFile: string): string[] =>
  readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes('Violation - '))

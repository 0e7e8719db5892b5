/** A real nats-server of a test's own: any free port, a directory of its own, the streams applied. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connect.ts'
import { applyStreams } from '#nats/apply.ts'
import { startNatsServer, type NatsServer } from '#nats/server.ts'

/** A cap that the disk of any machine has room for several times at once. */
const EVENTS_BYTES_MAX = 64 * 1024 * 1024

/** A running server. Disposing it stops it and removes its files. */
export interface TestNats extends AsyncDisposable {
  /** With the user of the apps' account. */
  readonly url: string
  /** With the user of the tools' account, which sees events and may ask for statistics. */
  readonly toolsUrl: string
  readonly server: NatsServer
}

/** Starts a server for one test file or one test. */
export async function startTestNats(): Promise<TestNats> {
  const directory = mkdtempSync(join(tmpdir(), 'xmidt-nats-'))
  const log = createLogger('nats', { level: 'silent' })
  const user = (name: string) => ({ user: name, password: `${name}-password` })
  const accounts = { fabric: user('fabric'), tools: user('tools'), system: user('system') }
  const binary = process.env.NATS_SERVER_BIN ?? 'nats-server'
  const server = await startNatsServer({
    binary,
    directory,
    port: 0,
    accounts,
    log,
    isMonitored: true,
  })
  const urlOf = (name: string): string => `nats://${name}:${name}-password@127.0.0.1:${server.port}`
  {
    await using nats = await connectNats({ url: urlOf('fabric'), name: 'test', log })
    await applyStreams(nats.connection, { eventsBytesMax: EVENTS_BYTES_MAX, log })
  }
  return {
    url: urlOf('fabric'),
    toolsUrl: urlOf('tools'),
    server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

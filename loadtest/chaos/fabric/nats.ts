/** The nats-servers of a run: one, or a cluster of three, each a process that can be killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, closeSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { pino } from 'pino'
import { connectNats } from '#libs/nats/connect.ts'
import { wait } from '#libs/retry/wait.ts'
import { applyStreams } from '#nats/apply.ts'
import { findNatsServer } from '#nats/binary.ts'
import { serverConfiguration } from '#nats/configuration.ts'
import { guardChild } from '#nats/guard.ts'
import { USER_NAMES, type UserName } from '#nats/permissions.ts'
import type { ProcessEnd } from '#tests/support/app-process.ts'
import { createMember, type Launched, type Member, type MemberOptions } from './member.ts'
import type { Ports } from './ports.ts'

/** It replays its files first; a loaded machine takes its time. */
const LISTEN_MS = 30_000
const POLL_MS = 20

/** A cluster elects its leaders in some seconds, on a loaded machine in more. */
const HEALTHY_MS = 60_000

/** What a run of some minutes stores, several times over. */
const EVENTS_BYTES_MAX = 256 * 1024 * 1024

/** The servers. */
export interface NatsServers {
  readonly members: readonly Member[]
  /** Where a user connects: every server, with the password. */
  urlOf(user: UserName): string
  /** Makes the streams, as an operator does with `npm run nats:apply`. */
  applyStreams(): Promise<void>
  /** What the servers refused to a user, in their own words: there should be nothing. */
  refusals(): string[]
}

/** What {@link createNats} needs. */
export interface CreateNatsOptions {
  directory: string
  ports: Ports
  isCluster: boolean
  onEvent: MemberOptions['onEvent']
  /** Where the server at `index` keeps its streams; below `directory` unless told. */
  storeDirectory?: string
  /** JetStream's limit on disk; none but the disk's unless told. */
  storeBytesMax?: number
}

/** Members that were not started yet. */
export async function createNats(options: CreateNatsOptions): Promise<NatsServers> {
  const { directory, ports, isCluster, onEvent } = options
  const binary = process.env.NATS_SERVER_BIN ?? (await findNatsServer())
  const passwords = Object.fromEntries(USER_NAMES.map((user) => [user, `${user}-password`]))
  const names = isCluster ? ['nats-1', 'nats-2', 'nats-3'] : ['nats-1']
  const servers: Server[] = []
  for (const name of names) {
    const [port, routePort] = [await ports.take(), await ports.take()]
    servers.push({ name, port, routePort, directory: join(directory, name) })
  }
  for (const server of servers) {
    mkdirSync(server.directory, { recursive: true })
    writeFileSync(
      join(server.directory, 'nats-server.conf'),
      configurationOf(server, servers, passwords, options),
    )
  }
  const urlOf = (user: UserName): string =>
    servers.map(({ port }) => `nats://${user}:${passwords[user]}@127.0.0.1:${port}`).join(',')
  return {
    members: servers.map((server) =>
      createMember({
        name: server.name,
        role: 'nats',
        launch: () => launch(binary, server),
        onEvent,
      }),
    ),
    urlOf,
    async applyStreams() {
      const log = pino({ level: 'silent' })
      const signal = AbortSignal.timeout(HEALTHY_MS)
      await using nats = await connectNats({
        url: urlOf('provisioner'),
        name: 'chaos',
        log,
        signal,
      })
      await applyStreams(nats.connection, {
        replicas: servers.length,
        eventsBytesMax: EVENTS_BYTES_MAX,
        log,
      })
    },
    refusals: () => servers.flatMap(refusalsIn),
  }
}

interface Server {
  name: string
  port: number
  routePort: number
  directory: string
}

/** The later of two settings counts for nats-server. */
function configurationOf(
  { name, port, routePort, directory }: Server,
  servers: readonly Server[],
  passwords: Readonly<Record<string, string>>,
  options: CreateNatsOptions,
): string {
  const storeDirectory = options.storeDirectory ?? join(directory, 'store')
  const text = serverConfiguration({ port, storeDirectory, passwords })
  const limit = options.storeBytesMax
    ? `jetstream { store_dir: ${JSON.stringify(storeDirectory)}, max_file_store: ${options.storeBytesMax} }\n`
    : ''
  const routes = servers.map((server) => `nats://127.0.0.1:${server.routePort}`)
  const cluster = `cluster { name: xmidt, listen: "127.0.0.1:${routePort}", routes: ${JSON.stringify(routes)} }\n`
  return `${text}server_name: ${name}\n${limit}${servers.length > 1 ? cluster : ''}`
}

const logFileOf = ({ directory }: Server): string => join(directory, 'nats-server.log')

async function launch(binary: string, server: Server): Promise<Launched> {
  const log = openSync(logFileOf(server), 'a')
  const child = spawn(binary, ['-c', join(server.directory, 'nats-server.conf')], {
    stdio: ['ignore', log, log],
    // Ctrl-C reaches the whole group of a terminal; the rig ends its processes itself.
    detached: true,
  })
  closeSync(log)
  const endGuard = child.pid === undefined ? undefined : guardChild(child.pid)
  const ended = once(child, 'exit').then(([code, signal]): ProcessEnd => {
    endGuard?.()
    return { code: code as number | null, signal: signal as NodeJS.Signals | null }
  })
  let isOver = false
  void ended.then(() => (isOver = true))
  const until = performance.now() + LISTEN_MS
  while (!(await isListening(server.port))) {
    if (isOver || performance.now() > until) {
      child.kill('SIGKILL')
      const lastWords = readFileSync(logFileOf(server), 'utf8').trim().split('\n').slice(-3)
      throw new Error(`${server.name} does not listen: ${lastWords.join(' / ')}`)
    }
    await wait(POLL_MS)
  }
  return { pid: child.pid ?? 0, ended }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

const refusalsIn = (server: Server): string[] =>
  readFileSync(logFileOf(server), 'utf8')
    .split('\n')
    .filter((line) => line.includes('Violation - '))

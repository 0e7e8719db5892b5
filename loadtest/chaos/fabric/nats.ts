/** The nats-servers of a run: one, or a cluster of three, each a process that can be killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, closeSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { pino } from 'pino'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { wait } from '#libs/retry/wait.ts'
import { applyStreams } from '#nats/apply.ts'
import { findNatsServer } from '#nats/binary/binary.ts'
import { serverConfiguration } from '#nats/configuration.ts'
import { guardChild } from '#nats/guard.ts'
import { USER_NAMES, type UserName } from '#nats/permissions.ts'
import { streams } from '#nats/streams.ts'
import type { ProcessEnd } from '#tests/support/app-process.ts'
import { connectAs } from './connect.ts'
import type { Disk } from './disk.ts'
import { createMember, type Launched, type Member, type MemberOptions } from './member.ts'
import type { Ports } from './ports.ts'

/** It replays its files first; a loaded machine takes its time. */
const LISTEN_MS = 30_000
const POLL_MS = 20

/** What a run of some minutes stores, several times over. */
const EVENTS_BYTES_MAX = 256 * 1024 * 1024

/** Streams reserve what they may have: some 800 MB, of which each server has all in a cluster. */
const DISK_BYTES_MAX = 4 * 1024 * 1024 * 1024

/** The servers. */
export interface NatsServers {
  readonly members: readonly Member[]
  /** Where a user connects: every server, with the password. */
  urlOf(user: UserName): string
  /** Makes the streams, as an operator does with `npm run nats:apply`. */
  applyStreams(): Promise<void>
  /** Deletes all of them, with what is in them. */
  deleteStreams(): Promise<void>
  /** From a server's next start on JetStream takes so many bytes; undefined: what the disk has. */
  setStoreLimit(bytesMax: number | undefined): void
  /** Where each server keeps its streams. */
  readonly storeDirectories: readonly string[]
  /** What the servers refused to a user, in their own words: there should be nothing. */
  refusals(): string[]
}

/** What {@link createNats} needs. */
export interface CreateNatsOptions {
  directory: string
  ports: Ports
  isCluster: boolean
  onEvent: MemberOptions['onEvent']
  /** A disk of their own. */
  disk?: Disk | undefined
}

/** Members that were not started yet. */
export async function createNats(options: CreateNatsOptions): Promise<NatsServers> {
  const { directory, ports, isCluster, onEvent, disk } = options
  const binary = process.env.NATS_SERVER_BIN ?? (await findNatsServer())
  const passwords = Object.fromEntries(USER_NAMES.map((user) => [user, `${user}-password`]))
  const names = isCluster ? ['nats-1', 'nats-2', 'nats-3'] : ['nats-1']
  const servers: Server[] = []
  for (const name of names) {
    const [port, routePort] = [await ports.take(), await ports.take()]
    servers.push({ name, port, routePort, directory: join(directory, name) })
  }
  for (const server of servers) mkdirSync(server.directory, { recursive: true })
  const setStoreLimit = (limit: number | undefined): void => {
    // Above what the streams reserve, whatever the disk has: what is tried is a full disk.
    const bytesMax = limit ?? (disk && DISK_BYTES_MAX)
    for (const server of servers) {
      const text = configurationOf(server, { servers, passwords, disk, bytesMax })
      writeFileSync(join(server.directory, 'nats-server.conf'), text)
    }
  }
  setStoreLimit(undefined)
  const urlOf = (user: UserName): string =>
    servers.map(({ port }) => `nats://${user}:${passwords[user]}@127.0.0.1:${port}`).join(',')
  const log = pino({ level: 'silent' })
  const wanted = {
    replicas: servers.length,
    eventsBytesMax: EVENTS_BYTES_MAX,
    eventsLowBytesMax: EVENTS_BYTES_MAX,
    log,
  }
  const connectAsProvisioner = (): Promise<Nats> => connectAs(urlOf('provisioner'))
  return {
    members: servers.map((server) =>
      createMember({
        name: server.name,
        role: 'nats',
        launch: () => launch(disk?.enter(binary) ?? [binary], server),
        onEvent,
      }),
    ),
    urlOf,
    async applyStreams() {
      await using nats = await connectAsProvisioner()
      await applyStreams(nats.connection, wanted)
    },
    async deleteStreams() {
      await using nats = await connectAsProvisioner()
      const manager = await jetstreamManager(nats.connection, { checkAPI: false })
      for (const { name = '' } of streams(wanted)) await manager.streams.delete(name)
    },
    setStoreLimit,
    storeDirectories: servers.map((server) => storeOf(server, disk)),
    refusals: () => servers.flatMap(refusalsIn),
  }
}

interface Server {
  name: string
  port: number
  routePort: number
  directory: string
}

interface Configured {
  servers: readonly Server[]
  passwords: Readonly<Record<string, string>>
  disk: Disk | undefined
  bytesMax: number | undefined
}

/** The later of two settings counts for nats-server. */
function configurationOf(
  server: Server,
  { servers, passwords, disk, bytesMax }: Configured,
): string {
  const { name, port, routePort } = server
  const storeDirectory = storeOf(server, disk)
  const text = serverConfiguration({ port, storeDirectory, passwords })
  const limit = `jetstream { store_dir: ${JSON.stringify(storeDirectory)}, max_file_store: ${bytesMax} }\n`
  const routes = servers.map((each) => `nats://127.0.0.1:${each.routePort}`)
  const cluster = `cluster { name: xmidt, listen: "127.0.0.1:${routePort}", routes: ${JSON.stringify(routes)} }\n`
  return `${text}server_name: ${name}\n${bytesMax === undefined ? '' : limit}${servers.length > 1 ? cluster : ''}`
}

const storeOf = ({ name, directory }: Server, disk: Disk | undefined): string =>
  join(disk ? join(disk.directory, name) : directory, 'store')

const logFileOf = ({ directory }: Server): string => join(directory, 'nats-server.log')

async function launch(command: readonly string[], server: Server): Promise<Launched> {
  const log = openSync(logFileOf(server), 'a')
  const [program = '', ...before] = command
  const child = spawn(program, [...before, '-c', join(server.directory, 'nats-server.conf')], {
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

/**
 * The nats-servers of one mode, one or three on this machine, with the stream EVENTS of the fabric.
 * Without accounts: what is measured and killed here is the store.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { wait } from '#libs/retry/wait.ts'
import { guardChild } from '#nats/guard.ts'
import { streams } from '#nats/streams.ts'
import type { Mode } from './mode.ts'

/** A cluster elects its leader in some seconds; a machine that does all at once takes longer. */
const READY_MS = 60_000
const POLL_MS = 50

/** Some rounds of events at any rate that a laptop reaches. */
const EVENTS_BYTES_MAX = 512 * 1024 * 1024

/** Running servers. Disposing them stops them; their files stay. */
export interface Servers extends AsyncDisposable {
  readonly connection: NatsConnection
  readonly pids: readonly number[]
  /** Ends all at the same moment, as `kill -9` does, and starts them again on the same files. */
  killAndRestart(): Promise<void>
}

/** Starts the servers of `mode` with their files below `directory`, and makes the stream. */
export async function startServers(
  binary: string,
  directory: string,
  mode: Mode,
): Promise<Servers> {
  const ports = await freePorts(mode.replicas * 2)
  const clientPorts = ports.slice(0, mode.replicas)
  const files = clientPorts.map((_, index) => writeConfiguration(directory, mode, ports, index))
  let children = files.map((file) => launch(binary, file))
  const open = async (): Promise<NatsConnection> => {
    const until = Date.now() + READY_MS
    for (;;) {
      try {
        return await openWithStream(clientPorts, mode)
      } catch (error) {
        const isOver = Date.now() > until || children.some(({ exitCode }) => exitCode !== null)
        if (isOver) throw error
        await wait(POLL_MS)
      }
    }
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const gone = children.map((child) => once(child, 'exit'))
    for (const child of children) child.kill(signal)
    await Promise.all(gone)
  }
  let connection = await open()
  return {
    get connection() {
      return connection
    },
    get pids() {
      return children.map(({ pid }) => pid ?? 0)
    },
    async killAndRestart() {
      await end('SIGKILL')
      await connection.close()
      children = files.map((file) => launch(binary, file))
      connection = await open()
    },
    async [Symbol.asyncDispose]() {
      await connection.close()
      await end('SIGTERM')
    },
  }
}

/** Connects, and makes the stream where it is not there yet; fails while there is no leader. */
async function openWithStream(ports: readonly number[], mode: Mode): Promise<NatsConnection> {
  const servers = ports.map((port) => `127.0.0.1:${port}`)
  const connection = await connect({ servers, maxReconnectAttempts: 0, noAsyncTraces: true })
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 2_000 })
    const [events] = streams({
      replicas: mode.replicas,
      eventsBytesMax: EVENTS_BYTES_MAX,
      eventsLowBytesMax: EVENTS_BYTES_MAX,
    })
    await manager.streams.add({ ...events, name: 'EVENTS' })
    const { cluster } = await manager.streams.info('EVENTS')
    if (mode.replicas > 1 && !cluster?.replicas?.every(({ current }) => current)) {
      throw new Error('not all servers have the stream yet')
    }
    return connection
  } catch (error) {
    await connection.close()
    throw error
  }
}

function writeConfiguration(
  directory: string,
  mode: Mode,
  ports: readonly number[],
  index: number,
): string {
  const own = join(directory, `server-${index}`)
  mkdirSync(own, { recursive: true })
  const routes = ports.slice(mode.replicas).map((port) => `nats://127.0.0.1:${port}`)
  const cluster =
    mode.replicas === 1
      ? ''
      : `cluster { name: bench, listen: "127.0.0.1:${ports[mode.replicas + index]}", routes: ${JSON.stringify(routes)} }\n`
  const file = join(own, 'nats-server.conf')
  writeFileSync(
    file,
    `server_name: "bench-${index}"
listen: "127.0.0.1:${ports[index]}"
jetstream { store_dir: ${JSON.stringify(own)}, sync_interval: ${JSON.stringify(mode.sync)} }
${cluster}`,
  )
  return file
}

function launch(binary: string, file: string): ChildProcess {
  const child = spawn(binary, ['-c', file], { stdio: 'ignore' })
  const endGuard = child.pid === undefined ? undefined : guardChild(child.pid)
  child.once('exit', () => endGuard?.())
  return child
}

/** Taken all at once, so that no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const taken = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(taken.map((server) => once(server, 'listening')))
  const ports = taken.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(
    taken.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
  )
  return ports
}

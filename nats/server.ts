/** A nats-server as a child of this process: for `up` and for tests. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { once } from 'node:events'
import { makeDirectory } from '#libs/files/make-directory.ts'
import type { Logger } from '#libs/log/logger.ts'
import { wait } from '#libs/retry/wait.ts'
import { serverConfiguration, type ConfigurationOptions } from './configuration.ts'
import { guardChild } from './guard.ts'

/** How long it may take to listen: it replays its files first. */
const START_MS = 20_000

/** How long an orderly end may take before it is killed. */
const STOP_MS = 3_000

/** How often a starting server is looked at. */
const POLL_MS = 10

/** It could not be started, or did not listen in time; the message has its last words. */
export class NatsServerError extends Error {
  readonly code = 'NATS_SERVER_FAILED'
  override readonly name = 'NatsServerError'
}

/** A running server. Disposing it stops it. */
export interface NatsServer extends AsyncDisposable {
  readonly port: number
  readonly pid: number
  /** Where its monitoring answers by HTTP, if that was asked for. */
  readonly monitoringUrl: string | undefined
  /** Ends it: `SIGKILL` as a crash would, else in order. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Starts it again on the same port with the same files. */
  restart(): Promise<void>
}

/** What {@link startNatsServer} needs. */
export interface NatsServerOptions {
  /** The path of the binary. */
  binary: string
  /** Its files: configuration, log and store. */
  directory: string
  /** 0 takes any free one. */
  port: number
  passwords: ConfigurationOptions['passwords']
  users?: ConfigurationOptions['users']
  region?: ConfigurationOptions['region']
  log: Logger
  /** Serves its monitoring, which asks for no password, on any free port of loopback. */
  isMonitored?: boolean
  /** It ended although nobody asked it to; {@link NatsServer.restart} starts it again. */
  onEnded?: () => void
  /**
   * A write failed (disk full), after which it refuses that stream until it is started again,
   * whatever room there is then. `said` is the server's own text.
   */
  onWriteFailed?: (said: string) => void
}

/** Starts a server on loopback and resolves once it listens. @throws {NatsServerError} */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  makeDirectory(options.directory)
  const stopping = new WeakSet<ChildProcess>()
  const watched = async (wantedPort: number): ReturnType<typeof launch> => {
    const launched = await launch(options, wantedPort)
    launched.child.once('exit', (code, signal) => {
      if (stopping.has(launched.child)) return
      options.log.error(
        { code, signal, directory: options.directory },
        'nats-server ended by itself',
      )
      options.onEnded?.()
    })
    return launched
  }
  let { child, port, monitoringUrl } = await watched(options.port)
  const stop = async (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    // An end that was asked for is none to be told.
    stopping.add(child)
    const gone = once(child, 'exit')
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await gone
    clearTimeout(timer)
  }
  return {
    get port() {
      return port
    },
    get monitoringUrl() {
      return monitoringUrl
    },
    get pid() {
      return child.pid ?? 0
    },
    stop,
    async restart() {
      await stop()
      ;({ child, port, monitoringUrl } = await watched(port))
    },
    [Symbol.asyncDispose]: () => stop(),
  }
}

interface Launched {
  child: ChildProcess
  port: number
  monitoringUrl: string | undefined
}

async function launch(options: NatsServerOptions, port: number): Promise<Launched> {
  const { directory, binary } = options
  const file = join(directory, 'nats-server.conf')
  const text = serverConfiguration({
    port: port === 0 ? -1 : port,
    storeDirectory: join(directory, 'store'),
    passwords: options.passwords,
    users: options.users,
    region: options.region,
  })
  writeFileSync(file, text, { mode: 0o600 })
  const portsFileDirectory = join(directory, 'ports')
  rmSync(portsFileDirectory, { recursive: true, force: true })
  mkdirSync(portsFileDirectory)
  const logFile = join(directory, 'nats-server.log')
  rmSync(logFile, { force: true })
  // A group of its own: Ctrl-C in a terminal reaches the whole group, and the server must be there
  // until the apps have drained.
  const arguments_ = ['-c', file, '--ports_file_dir', portsFileDirectory]
  if (options.isMonitored) arguments_.push('-m', '-1')
  const child = spawn(binary, arguments_, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const output = createWriteStream(logFile)
  // Whoever stops the server may have removed its directory before the file was opened.
  output.on('error', (error) => options.log.warn({ error: String(error) }, 'no log of nats-server'))
  child.stdout?.pipe(output, { end: false })
  child.stderr?.pipe(output, { end: false })
  child.once('close', () => output.end())
  if (options.onWriteFailed && child.stderr) watchWrites(child.stderr, options.onWriteFailed)
  // This process takes the server with it, however it ends.
  const onExit = (): void => void child.kill('SIGKILL')
  process.once('exit', onExit)
  const endGuard = child.pid === undefined ? undefined : guardChild(child.pid)
  child.once('exit', () => {
    process.off('exit', onExit)
    endGuard?.()
  })
  try {
    // The server names the file after its own binary, which may be called anything.
    const portsFile = join(portsFileDirectory, `${basename(binary)}_${child.pid}.ports`)
    const found = await listening(child, portsFile)
    return { child, port: found, monitoringUrl: portsIn(portsFile).monitoring?.[0] }
  } catch (error) {
    child.kill('SIGKILL')
    throw new NatsServerError(`${(error as Error).message}\n${lastWords(logFile)}`.trim(), {
      cause: error,
    })
  }
}

/** The one place where nats-server says so without being asked; `/healthz` says the same. */
function watchWrites(output: Readable, onWriteFailed: (said: string) => void): void {
  createInterface({ input: output }).on('line', (line) => {
    const [, said] = line.match(/\[ERR\] JetStream (stream .* critical write error: .*)$/) ?? []
    if (said !== undefined) onWriteFailed(said)
  })
}

/** Resolves with the port once a connection to it is taken. */
async function listening(child: ChildProcess, portsFile: string): Promise<number> {
  let failure: string | undefined
  child.once('error', (error) => (failure = `nats-server cannot be started: ${error.message}`))
  child.once('exit', (code) => (failure = `nats-server ended at start with code ${code}`))
  const until = performance.now() + START_MS
  while (performance.now() < until) {
    if (failure !== undefined) throw new Error(failure)
    const port = portOf(portsFile)
    if (port !== undefined && (await isTaken(port))) return port
    await wait(POLL_MS)
  }
  throw new Error(`nats-server did not listen within ${START_MS / 1000} s`)
}

/** The server writes the file once it knows its port; until then, or half written, there is none. */
function portsIn(portsFile: string): { nats?: string[]; monitoring?: string[] } {
  try {
    return JSON.parse(readFileSync(portsFile, 'utf8')) as ReturnType<typeof portsIn>
  } catch {
    return {}
  }
}

function portOf(portsFile: string): number | undefined {
  const url = portsIn(portsFile).nats?.[0]
  return url === undefined ? undefined : Number(new URL(url).port)
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function lastWords(logFile: string): string {
  try {
    return readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join('\n')
  } catch {
    return ''
  }
}

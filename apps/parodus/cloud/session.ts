/** The connection to the fabric, for ever: credential, dial, carry, and again. */
import { WebSocket, type RawData } from 'ws'
import { upgradeHeaders, type DeviceIdentity } from '#apps/parodus/identity.ts'
import { readBytesMax } from '#apps/parodus/config.ts'
import type { ParodusMetrics } from '#apps/parodus/metrics.ts'
import type { Logger } from '#libs/log/logger.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { wait } from '#libs/retry/wait.ts'
import { CredentialError, type Credential } from './credential.ts'
import { dial, DialError } from './dial.ts'

/** RFC 6455 7.4.1: normal closure, with the reason that genuine Parodus gives. */
const CLOSE_CODE = 1000

/** How long the fabric may take for its side of the close. */
const CLOSE_MS = 1_000

/** A connection that lasted so long was a good one: the waits begin anew after it. */
const GOOD_MS = 10_000

/** After a lost connection: at most so long before the first attempt, as many lost it with us. */
const FIRST_RECONNECT_MS = 500

/** What a frame may wait for in the socket; over it the connection is as good as dead. */
const SEND_BYTES_MAX = 8 * 1024 * 1024

/** The connection, kept. Disposing it closes it in order. */
export interface Session extends AsyncDisposable {
  readonly isConnected: boolean
  /** Why the last connection ended, in upstream's words. */
  readonly reconnectReason: string
  /** Sends if there is a connection that takes it; false when not. */
  send(bytes: Uint8Array): boolean
}

/** What {@link keepSession} needs. */
export interface SessionOptions {
  identity: DeviceIdentity
  credential: Credential
  onConnected: () => void
  onDisconnected: () => void
  onMessage: (bytes: Uint8Array) => void
  metrics: ParodusMetrics
  log: Logger
}

/** Begins to connect, and goes on for ever. */
export function keepSession(options: SessionOptions): Session {
  const ending = new AbortController()
  const state: State = { socket: undefined, reconnectReason: 'webpa_process_starts' }
  const running = run(options, state, ending.signal)
  return {
    get isConnected() {
      return state.socket !== undefined
    },
    get reconnectReason() {
      return state.reconnectReason
    },
    send(bytes) {
      const { socket } = state
      // One that is closing takes what is sent and loses it without a word.
      if (socket?.readyState !== WebSocket.OPEN) return false
      if (socket.bufferedAmount > SEND_BYTES_MAX) return false
      socket.send(bytes, { binary: true })
      return true
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      await running
    },
  }
}

interface State {
  socket: WebSocket | undefined
  reconnectReason: string
}

async function run(options: SessionOptions, state: State, signal: AbortSignal): Promise<void> {
  const { config } = options.identity
  const backoff = createBackoff({
    firstMs: config.PARODUS_BACKOFF_FIRST_MS,
    maxMs: config.PARODUS_BACKOFF_MAX_MS,
  })
  while (!signal.aborted) {
    const startedAt = performance.now()
    const isConnected = await connectOnce(options, state, signal)
    const wasGood = isConnected && performance.now() - startedAt > GOOD_MS
    if (wasGood) backoff.reset()
    const waitMs = wasGood
      ? Math.random() * Math.min(FIRST_RECONNECT_MS, config.PARODUS_BACKOFF_FIRST_MS)
      : backoff.nextMs()
    await wait(waitMs, signal)
  }
}

/** One connection from its dial to its end; says whether there was one. */
async function connectOnce(
  options: SessionOptions,
  state: State,
  signal: AbortSignal,
): Promise<boolean> {
  const { identity, credential, metrics, log } = options
  try {
    const token = await credential.obtain(signal)
    const { socket, talaria } = await dial({
      petasosUrl: identity.config.PARODUS_PETASOS_URL,
      headers: upgradeHeaders(identity, state.reconnectReason, token),
      messageBytesMax: readBytesMax(identity.config),
      signal,
      onRedirect: (to) => log.info({ talaria: to }, 'redirected'),
    })
    metrics.connects.inc({ outcome: 'connected' })
    log.info({ talaria }, 'connected')
    state.socket = socket
    state.reconnectReason = 'webpa_process_starts'
    await carry(socket, options, state, signal)
    return true
  } catch (error) {
    if (signal.aborted) return false
    const outcome =
      error instanceof CredentialError
        ? 'credential'
        : error instanceof DialError
          ? 'refused'
          : 'failed'
    metrics.connects.inc({ outcome })
    // A token that is refused may have been withdrawn, or its key: the next is a new one.
    if (error instanceof DialError && [400, 401, 403].includes(error.status))
      credential.invalidate()
    log.warn({ error: (error as Error).message }, 'not connected')
    return false
  }
}

/** Carries messages until the connection ends. */
async function carry(
  socket: WebSocket,
  options: SessionOptions,
  state: State,
  signal: AbortSignal,
): Promise<void> {
  const { metrics, log, identity } = options
  const timeoutMs = identity.config.PARODUS_PING_TIMEOUT_MS
  let reason = 'closed' as 'closed' | 'ping-missed' | 'stopped'
  await new Promise<void>((resolve) => {
    const silent = setTimeout(() => {
      reason = 'ping-missed'
      socket.terminate()
    }, timeoutMs)
    const heard = (): void => void silent.refresh()
    const onAbort = (): void => {
      reason = 'stopped'
      socket.close(CLOSE_CODE, 'parodus_stopping')
      setTimeout(() => socket.terminate(), CLOSE_MS).unref()
    }
    signal.addEventListener('abort', onAbort)
    socket.on('ping', heard)
    socket.on('message', (data: RawData) => {
      heard()
      options.onMessage(data as Buffer)
    })
    socket.on('error', (error) => log.debug({ error: error.message }, 'socket failed'))
    socket.once('close', () => {
      clearTimeout(silent)
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    metrics.isConnected.set(1)
    options.onConnected()
    socket.resume()
    // Aborted while it was dialled.
    if (signal.aborted) onAbort()
  })
  state.socket = undefined
  state.reconnectReason = reason === 'ping-missed' ? 'Ping_Miss' : 'SSL_Socket_Close'
  metrics.isConnected.set(0)
  metrics.disconnects.inc({ reason })
  options.onDisconnected()
  log.info({ reason }, 'connection lost')
}

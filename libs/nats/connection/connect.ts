/**
 * One connection to NATS, kept for ever. What happens to it is logged here, so that no user of a
 * connection has to; disposing it drains: what was published is sent, what was received is handled.
 */
import { readFileSync } from 'node:fs'
import {
  AuthorizationError,
  createInbox,
  PermissionViolationError,
  type ConnectionOptions,
  type NatsConnection,
} from '@nats-io/transport-node'
import type { Logger } from '#libs/log/logger.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { wait } from '#libs/retry/wait.ts'
import { connectGathering } from './gathering-transport.ts'

/** How long one attempt to reach a server may take: a server that is there answers in milliseconds. */
const CONNECT_MS = 5_000

/** The first and the longest wait between attempts before the first connection. */
const FIRST_CONNECT_BACKOFF = { firstMs: 250, maxMs: 5_000 }

/**
 * A ping every 10 s and two unanswered ones end a connection: a peer that vanished without a word
 * (power, a firewall's table) is noticed within half a minute, not the client's default six minutes.
 */
const PING_MS = 10_000
const PINGS_OUT_MAX = 2

/** Reconnects are spread over a second, as thousands of clients lose a server at the same moment. */
const RECONNECT_WAIT_MS = 250
const RECONNECT_JITTER_MS = 1_000

/** NATS cannot be used, and waiting would not help: credentials refused, or a URL that is none. */
export class NatsConnectError extends Error {
  readonly code = 'NATS_CONNECT_FAILED'
  override readonly name = 'NatsConnectError'
}

/** A connection and what its owner wants to know of it. Disposing it drains and closes. */
export interface Nats extends AsyncDisposable {
  readonly connection: NatsConnection
  /** Whether a server is connected at this moment. */
  readonly isConnected: boolean
  /** An inbox of its own, for replies that the client's request cannot take. */
  createInbox(): string
  /** Calls `listener` on each loss and each return, until the returned function is called. */
  onConnectedChange(listener: (isConnected: boolean) => void): () => void
  /** Calls `listener` for each thing that the server refuses, such as a subject not permitted. */
  onRefused(listener: (error: Error) => void): () => void
}

/** NATS' own default, for the moment in which a connection does not know its server's. */
const PAYLOAD_BYTES_DEFAULT = 1_048_576

/** How many bytes a message may have, its headers among them; over it the client throws. */
export const payloadMaxOf = ({ connection }: Nats): number =>
  connection.info?.max_payload ?? PAYLOAD_BYTES_DEFAULT

/**
 * Whether servers of other regions may be joined with ours: only then does a server have a JetStream
 * domain, which it names to its clients (ADR 14). True as long as that is not known.
 */
export function mayBeJoined({ connection }: Nats): boolean {
  // The types of the client do not have it.
  const info = connection.info as { domain?: string } | undefined
  return !info || Boolean(info.domain)
}

/** What {@link connectNats} needs. */
export interface NatsOptions {
  /** Servers, comma separated; `nats://user:password@host:port`. */
  url: string
  /** Who signed the servers' certificates, PEM; with it nothing is said before TLS. */
  caFile?: string | undefined
  /** Who this is, in the server's list of connections. */
  name: string
  log: Logger
  /** Gives up waiting for the first connection. */
  signal?: AbortSignal
}

/**
 * Connects, waiting for as long as no server can be reached (each failure is logged): a part that
 * starts before NATS is no mistake.
 * @throws {NatsConnectError} when the server refuses the credentials, when `url` or `caFile` is
 * none, or when `signal` aborts.
 */
export async function connectNats(given: NatsOptions): Promise<Nats> {
  const { url, name, log, signal } = given
  const options = connectionOptions(given)
  const backoff = createBackoff(FIRST_CONNECT_BACKOFF)
  for (;;) {
    try {
      return watched(await connectGathering(options), options, log.child({ nats: name }))
    } catch (error) {
      if (isRefused(error)) {
        throw new NatsConnectError(
          `NATS at ${withoutCredentials(url)} refuses the credentials of ${name}: ` +
            'check the user and password in NATS_URL',
          { cause: error },
        )
      }
      const waitMs = backoff.nextMs()
      log.warn({ server: withoutCredentials(url), error: String(error), waitMs }, 'nats is away')
      if (!(await wait(waitMs, signal))) {
        throw new NatsConnectError('stopped while waiting for NATS', { cause: error })
      }
    }
  }
}

/**
 * Whether the server judged the credentials and will not have them. One that did not get them in
 * time, as one of both stood still, says so by an error of the same kind, and another try may do.
 */
const isRefused = (error: unknown): boolean =>
  error instanceof AuthorizationError && !/authentication timeout/i.test(error.message)

type Options = ConnectionOptions & { inboxPrefix: string }

function connectionOptions({ url, caFile, name }: NatsOptions): Options {
  const urls = url.split(',').map((part) => parseNatsUrl(part.trim()))
  const credentials = urls.find((parsed) => parsed.username !== '')
  const user = credentials && decodeURIComponent(credentials.username)
  const isEncrypted = Boolean(caFile) || urls.some((parsed) => parsed.protocol === 'tls:')
  return {
    servers: urls.map((parsed) => parsed.host),
    ...(user !== undefined && { user, pass: decodeURIComponent(credentials?.password ?? '') }),
    ...(isEncrypted && { tls: caFile ? { ca: readCertificates(caFile) } : {} }),
    name,
    // Each user reads only its own replies: the server's permissions keep it from others'.
    inboxPrefix: user === undefined ? `_INBOX.${tokenOf(name)}` : `_INBOX_${tokenOf(user)}`,
    timeout: CONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: PINGS_OUT_MAX,
    reconnect: true,
    // The client's default is ten attempts, after which a part would stay deaf for ever.
    maxReconnectAttempts: -1,
    // Nor may it end for ever because a server that is being configured refuses it twice.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_JITTER_MS,
    reconnectJitterTLS: RECONNECT_JITTER_MS,
    // A stack trace for each request halves the rate of publishing.
    noAsyncTraces: true,
  }
}

const tokenOf = (text: string): string => text.replaceAll(/[^A-Za-z0-9-]/g, '-')

/** At once, and not at each attempt to connect: a missing file is no server that is away. */
function readCertificates(caFile: string): string {
  try {
    return readFileSync(caFile, 'utf8')
  } catch (error) {
    throw new NatsConnectError(`NATS_CA_FILE cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function parseNatsUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !['nats:', 'tls:'].includes(url.protocol) || url.host === '') {
    throw new NatsConnectError(
      `NATS_URL must be nats://host:port or tls://host:port, and "${withoutCredentials(text)}" is not`,
    )
  }
  return url
}

const withoutCredentials = (url: string): string => url.replaceAll(/\/\/[^@/,]*@/g, '//')

function watched(connection: NatsConnection, { user, inboxPrefix }: Options, log: Logger): Nats {
  let isConnected = true
  const listeners = new Set<(isConnected: boolean) => void>()
  const change = (now: boolean): void => {
    if (now === isConnected) return
    isConnected = now
    for (const listener of listeners) listener(now)
  }
  const refusedListeners = new Set<(error: Error) => void>()
  const refused = (error: Error): void => refusedListeners.forEach((listener) => listener(error))
  const watching = watchStatus(connection, log.child({ user }), { change, refused })
  return {
    connection,
    get isConnected() {
      return isConnected
    },
    createInbox: () => createInbox(inboxPrefix),
    onConnectedChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onRefused(listener) {
      refusedListeners.add(listener)
      return () => refusedListeners.delete(listener)
    },
    async [Symbol.asyncDispose]() {
      // Draining flushes, which never ends once no server is there: then only closing is left.
      const lost = new Promise<void>((resolve) => {
        listeners.add((now) => {
          if (!now) resolve()
        })
      })
      if (isConnected) {
        await Promise.race([connection.drain(), lost]).catch((error: unknown) => {
          log.debug({ error: String(error) }, 'nats drain failed')
        })
      }
      await connection.close()
      await watching
    },
  }
}

async function watchStatus(
  connection: NatsConnection,
  log: Logger,
  { change, refused }: { change: (isConnected: boolean) => void; refused: (error: Error) => void },
): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === 'disconnect') {
      change(false)
      if (!connection.isDraining()) log.warn({ server: status.server }, 'nats disconnected')
    } else if (status.type === 'reconnect') {
      change(true)
      log.info({ server: status.server }, 'nats reconnected')
    } else if (status.type === 'error' && status.error instanceof PermissionViolationError) {
      // The table in nats/permissions.ts lacks it, or somebody asks for what is none of his.
      refused(status.error)
      const { operation, subject } = status.error
      log.error({ operation, subject }, 'nats refuses what the user may not do')
    } else if (status.type === 'error') {
      refused(status.error)
      log.error({ error: status.error.message }, 'nats refused something')
    } else if (status.type === 'slowConsumer') {
      log.warn({ subject: status.sub.getSubject(), pending: status.pending }, 'nats slow consumer')
    } else if (status.type === 'ldm' || status.type === 'staleConnection') {
      log.info({ status: status.type }, 'nats server is leaving or silent')
    }
  }
  change(false)
}

/**
 * How many connections one port holds: fewer than the process may open files, so that it always has
 * some left for NATS, for its other ports and for what it reads. Over it a connection is closed at
 * once, which is counted, and told once a minute.
 */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:net'
import type { Logger } from '#libs/log/logger.ts'
import type { Counting } from '#libs/metrics/labels.ts'
import type { AppRegistry } from '#libs/metrics/registry.ts'

/** Of the files that the process may open; the rest is for everything else. */
const SHARE = 0.9

/** What a process has open before anybody connects, generously. */
const OWN_FILES = 32

/** Where the limit is so low, a port still takes a few. */
const LEAST = 8

/** Between two log lines about the same. */
const TOLD_EVERY_MS = 60_000

const REASONS = ['limit', 'files'] as const
type Reason = (typeof REASONS)[number]

/** Connections that were closed at once. */
export type DroppedCounter = Counting<{ reason: typeof REASONS }>

/** The counter of an app. */
export const createDroppedCounter = (registry: AppRegistry): DroppedCounter =>
  registry.counter(
    'connections_dropped_total',
    'Connections closed at once: the port has all that it may, or the process can open no more files.',
    { reason: REASONS },
  )

/** What bounds the connections of one port. */
export interface ConnectionLimits {
  max: number
  dropped: DroppedCounter
  log: Logger
}

/** The limits of an app's primary port. */
export const connectionsOf = (
  { CONNECTIONS_MAX: wanted }: { readonly CONNECTIONS_MAX: number },
  { connectionsDropped: dropped }: { readonly connectionsDropped: DroppedCounter },
  log: Logger,
): ConnectionLimits => ({ max: connectionsMaxOf(wanted), dropped, log })

/**
 * How many a port may have: `wanted`, or as many as there may be where that is 0, and never more than
 * the process has files for.
 * @param openFiles how many files the process may open; undefined where nobody says.
 */
export function connectionsMaxOf(wanted: number, openFiles = openFilesMax()): number {
  const most = openFiles === undefined ? Infinity : Math.floor(openFiles * SHARE) - OWN_FILES
  return Math.max(LEAST, Math.min(wanted || Infinity, most))
}

/** The soft limit, which Node raises to the hard one at its start; known on Linux. */
function openFilesMax(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8')
    const [, soft] = limits.match(/^Max open files\s+(\d+)/m) ?? []
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}

/** Bounds the connections of a server that listens. */
export function limitConnections(server: Server, { max, dropped, log }: ConnectionLimits): void {
  if (Number.isFinite(max)) server.maxConnections = max
  const tell = createTelling((reason, count) =>
    log.warn({ reason, count, connectionsMax: max }, TEXTS[reason]),
  )
  const drop = (reason: Reason): void => {
    dropped.inc({ reason })
    tell(reason)
  }
  server.on('drop', () => drop('limit'))
  // Without a listener the error of one accept would end the process.
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EMFILE' || error.code === 'ENFILE') return drop('files')
    log.error({ error: error.message }, 'the port failed')
  })
}

const TEXTS: Readonly<Record<Reason, string>> = {
  limit:
    'connections closed at once: the port has all that it may (CONNECTIONS_MAX, and the limit of open files)',
  files: 'connections closed at once: the process can open no more files (ulimit -n)',
}

/** Tells the first at once, and those of the next minute together. */
function createTelling(tell: (reason: Reason, count: number) => void): (reason: Reason) => void {
  const counts = new Map<Reason, number>()
  return (reason) => {
    const count = counts.get(reason)
    if (count !== undefined) return void counts.set(reason, count + 1)
    counts.set(reason, 0)
    tell(reason, 1)
    const timer = setTimeout(() => {
      const more = counts.get(reason) ?? 0
      counts.delete(reason)
      if (more > 0) tell(reason, more)
    }, TOLD_EVERY_MS)
    timer.unref()
  }
}

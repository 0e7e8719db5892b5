/**
 * Tokens that were verified, so that one that comes with each request is verified once and not each
 * time. Only what was accepted is kept, and only what whoever holds the keys has signed can fill it:
 * a refused token is judged anew, however often it comes.
 *
 * A token is known by a hash of the whole of it. By less, such as its claims or its key and its end,
 * one with a forged signature would be taken for its sibling.
 */
import { hash } from 'node:crypto'
import type { Counting } from '#libs/metrics/labels.ts'
import type { AppRegistry } from '#libs/metrics/registry.ts'
import type { Claims } from './verify.ts'

/** At most so many tokens are remembered. */
const REMEMBERED_MAX = 4_096

/** At most so many bytes are remembered, by {@link bytesOf}. */
const REMEMBERED_BYTES_MAX = 8 * 1_024 * 1_024

/** No token is remembered for longer than this, whatever its end. */
const REMEMBERED_MS = 300_000

/** An entry without its claims: its hash, its place in the map, the object. */
const ENTRY_BYTES = 512

const OUTCOMES = ['hit', 'miss'] as const

/** Whether a token was remembered when it came. */
export type RememberedCounter = Counting<{ outcome: typeof OUTCOMES }>

/** The counter of an app. */
export const createRememberedCounter = (registry: AppRegistry): RememberedCounter =>
  registry.counter(
    'tokens_total',
    'Tokens that were looked at: hit, it was remembered as verified; miss, it had to be verified.',
    { outcome: OUTCOMES },
  )

/** What bounds what is remembered. */
export interface RememberedLimits {
  /** 0 remembers nothing. */
  countMax?: number
  bytesMax?: number
  ageMaxMs?: number
}

/** What is remembered of tokens. */
export interface Remembered {
  /** The claims of a token that was verified with the keys of `version`; undefined for any other. */
  find(id: string, version: number, nowMs: number): Claims | undefined
  /** Remembers a token of `length` characters, until `untilMs` at the latest. */
  keep(id: string, claims: Claims, token: { length: number; untilMs: number; nowMs: number }): void
  /** How much is remembered now. */
  readonly size: { readonly count: number; readonly bytes: number }
}

interface Entry {
  claims: Claims
  bytes: number
  /** A clock that was set back makes a token one that was not verified yet. */
  fromMs: number
  untilMs: number
}

/** Under what a token is remembered. */
export const idOfToken = (token: string): string => hash('sha256', token, 'base64')

/** An empty memory. */
export function createRemembered(limits: RememberedLimits = {}): Remembered {
  const {
    countMax = REMEMBERED_MAX,
    bytesMax = REMEMBERED_BYTES_MAX,
    ageMaxMs = REMEMBERED_MS,
  } = limits
  // In the order of their coming: the first is the one to go.
  const entries = new Map<string, Entry>()
  let bytes = 0
  let keysVersion = -1
  const forget = (id: string, entry: Entry): void => {
    entries.delete(id)
    bytes -= entry.bytes
  }
  return {
    get size() {
      return { count: entries.size, bytes }
    },
    find(id, version, nowMs) {
      if (version !== keysVersion) {
        // One of the keys may be gone, and with it what it signed.
        entries.clear()
        bytes = 0
        keysVersion = version
      }
      const entry = entries.get(id)
      if (!entry) return undefined
      if (nowMs >= entry.fromMs && nowMs < entry.untilMs) return entry.claims
      forget(id, entry)
      return undefined
    },
    keep(id, claims, { length, untilMs, nowMs }) {
      const last = entries.get(id)
      if (last) forget(id, last)
      const entry = {
        claims,
        bytes: bytesOf(length),
        fromMs: nowMs,
        untilMs: Math.min(untilMs, nowMs + ageMaxMs),
      }
      if (entry.bytes > bytesMax || entry.untilMs <= nowMs) return
      entries.set(id, entry)
      bytes += entry.bytes
      for (const [oldest, first] of entries) {
        const isOver = entries.size > countMax || bytes > bytesMax
        if (!isOver && first.untilMs > nowMs) return
        forget(oldest, first)
      }
    },
  }
}

/** What an entry takes, on the high side: claims are three quarters of a token, and objects are wide. */
const bytesOf = (tokenLength: number): number => ENTRY_BYTES + 4 * tokenLength

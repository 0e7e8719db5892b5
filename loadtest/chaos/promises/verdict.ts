/** What a check of one promise says, and what all checks are given. */
import type { Member } from '#loadtest/chaos/fabric/member.ts'
import type { CommandRecord, Connection, Records } from '#loadtest/chaos/load/records.ts'
import type { Webhook } from '#loadtest/chaos/load/webhooks.ts'
import type { Session } from './presence.ts'

/** What was looked at, how much of it broke the promise, and a few that did, with their ids. */
export interface Verdict {
  promise: string
  counted: number
  broken: number
  examples: string[]
  /** What is no fault but worth knowing. */
  note?: string
}

/** All that a run has seen. */
export interface Evidence {
  records: Records
  webhooks: readonly Webhook[]
  members: readonly Member[]
  /** What nats-server refused to users. */
  refusals: readonly string[]
  /** By session; undefined in a scenario that does not look. */
  sessions: ReadonlyMap<string, Session> | undefined
}

/** Checks one promise. */
export type Check = (evidence: Evidence) => Verdict

/** So many examples are shown: a person follows one. */
const EXAMPLES_MAX = 3

/** A verdict on `broken`, each of which `describe` makes a line of. */
export function verdict<T>(
  promise: string,
  counted: number,
  broken: readonly T[],
  describe: (each: T) => string,
): Verdict {
  return {
    promise,
    counted,
    broken: broken.length,
    examples: broken.slice(0, EXAMPLES_MAX).map(describe),
  }
}

/** A moment as it stands in the logs of the apps. */
export const timeOf = (atMs: number): string => new Date(atMs).toISOString().slice(11, 23)

/** A command as an example. */
export function describeCommand(command: CommandRecord): string {
  const { transaction, device, scytale, sentAtMs, answeredAtMs = sentAtMs, status, text } = command
  const said = command.failure ?? `${status ?? ''} ${(text ?? '').slice(0, 120)}`.trim()
  return `${transaction} to ${device} by ${scytale} at ${timeOf(sentAtMs)}, after ${Math.round(answeredAtMs - sentAtMs)} ms: ${said}`
}

/** Connections by their device. */
export function connectionsOf({ connections }: Records): Map<string, Connection[]> {
  const byDevice = new Map<string, Connection[]>()
  for (const connection of connections) {
    const all = byDevice.get(connection.device)
    if (all) all.push(connection)
    else byDevice.set(connection.device, [connection])
  }
  return byDevice
}

/** What is promised to callers: one definite answer each, and it is true. */
import { stalledMs } from '#loadtest/chaos/load/stalls.ts'
import { quantile } from '#loadtest/chaos/quantile.ts'
import type { CommandRecord, Connection } from '#loadtest/chaos/load/records.ts'
import { connectionsOf, describeCommand, verdict, type Check, type Evidence } from './verdict.ts'

/**
 * A device counts as connected at an answer if it still is so long after it, not counting the time
 * in which this process stood still: the close and the answer reach it by two sockets, and which is
 * read first is left to chance.
 */
const EDGE_MS = 100

/** Around an answer, for the time in which this process stood still. */
const STALL_BEFORE_MS = 1_000
const STALL_AFTER_MS = 2_000

const all = ({ records }: Evidence): CommandRecord[] => [...records.commands.values()]

const runsOf = ({ records }: Evidence, { transaction }: CommandRecord): number =>
  records.executions.get(transaction) ?? 0

/** 503 comes in two kinds: the text says whether the device may have got it. */
const mayHaveReached = ({ status, text = '' }: CommandRecord): boolean =>
  status === 504 || (status === 503 && text.includes('may have reached'))

/** Nobody listened: nothing was sent, and a load balancer tries another. */
const UNSENT = ['ECONNREFUSED']

/** The caller was told that no device got it. */
const isDenied = (command: CommandRecord): boolean =>
  UNSENT.includes(command.failure ?? '') ||
  command.status === 404 ||
  (command.status === 503 && !mayHaveReached(command))

/** What was said not to have reached the device never did. */
export const deniedDidNotRun: Check = (evidence) => {
  const denied = all(evidence).filter(isDenied)
  const found = verdict(
    'a command that was denied did not run',
    denied.length,
    denied.filter((command) => runsOf(evidence, command) > 0),
    describeCommand,
  )
  const with404 = denied.filter(({ status }) => status === 404).length
  found.note = `${with404} × 404, ${denied.length - with404} × 503 "not sent"`
  return found
}

/** A 200 is this device's answer to this command, which ran once. */
export const answeredRanOnce: Check = (evidence) => {
  const answered = all(evidence).filter(({ status }) => status === 200)
  return verdict(
    'a command that was answered ran once, where it should',
    answered.length,
    answered.filter((command) => command.isOwnAnswer !== true || runsOf(evidence, command) !== 1),
    (command) => `${describeCommand(command)}, ran ${runsOf(evidence, command)} times`,
  )
}

/** Whatever the caller was told, and if nothing at all. */
export const noneRunsTwice: Check = (evidence) => {
  const commands = all(evidence)
  const found = verdict(
    'no command runs twice',
    commands.length,
    commands.filter((command) => runsOf(evidence, command) > 1),
    (command) => `${describeCommand(command)}, ran ${runsOf(evidence, command)} times`,
  )
  const ran = commands.filter((command) => mayHaveReached(command) && runsOf(evidence, command) > 0)
  found.note = `${commands.filter(mayHaveReached).length} × "may have reached" or 504, of which ${ran.length} ran`
  return found
}

/** A device that is connected is never said not to be. */
export const noFalse404: Check = (evidence) => {
  const byDevice = connectionsOf(evidence.records)
  const denied = all(evidence).filter(({ status, isMissing }) => status === 404 && !isMissing)
  const connectedAt = (command: CommandRecord, slackMs: number): Connection | undefined => {
    const { device, sentAtMs, answeredAtMs = sentAtMs } = command
    return byDevice
      .get(device)
      ?.find(
        ({ openedAtMs, closedAtMs = Infinity }) =>
          openedAtMs < sentAtMs && closedAtMs > answeredAtMs + slackMs,
      )
  }
  const edgeOf = ({ sentAtMs, answeredAtMs = sentAtMs }: CommandRecord): number =>
    EDGE_MS +
    stalledMs(evidence.records, answeredAtMs - STALL_BEFORE_MS, answeredAtMs + STALL_AFTER_MS)
  const broken = denied.filter((command) => connectedAt(command, edgeOf(command)))
  const found = verdict(
    'no 404 for a device that is connected',
    denied.length,
    broken,
    (command) => {
      const { talaria = '', openedAtMs = 0 } = connectedAt(command, edgeOf(command)) ?? {}
      return `${describeCommand(command)}; at ${talaria} for ${Math.round(command.sentAtMs - openedAtMs)} ms`
    },
  )
  const atEdge = denied.filter((command) => connectedAt(command, 0)).length - broken.length
  found.note = `${atEdge} more within ${EDGE_MS} ms of its end, or as long as this process stood still`
  return found
}

/** Codes of a connection that broke; it may only when its Scytale was killed. */
const BROKEN = ['ECONNRESET', 'UND_ERR_SOCKET', 'EPIPE']

/** 200, 404, 503 or 504, or a connection that was lost with a Scytale that was killed. */
export const oneDefiniteAnswer: Check = (evidence) => {
  const commands = all(evidence).filter(({ failure = '' }) => !UNSENT.includes(failure))
  const happened = (command: CommandRecord, what: 'killed' | 'ending', whenMs: number): boolean =>
    evidence.members.some(
      ({ name, record }) =>
        name === command.scytale &&
        record.some(
          (event) =>
            (event.what === what || (what === 'killed' && event.what === 'fell')) &&
            event.atMs >= whenMs &&
            event.atMs <= (command.answeredAtMs ?? Infinity),
        ),
    )
  const isExcused = (command: CommandRecord): boolean =>
    BROKEN.includes(command.failure ?? '') && happened(command, 'killed', command.sentAtMs - 50)
  const isDefinite = ({ status = 0 }: CommandRecord): boolean =>
    [200, 404, 503, 504].includes(status)
  const found = verdict(
    'a caller gets one definite answer',
    commands.length,
    commands.filter((command) => !isDefinite(command) && !isExcused(command)),
    describeCommand,
  )
  const excused = commands.filter(isExcused).length
  found.note = `${excused} lost with a killed Scytale; ${slowest(commands)}`
  return found
}

/** A device that never was: nobody holds it, or the view of who holds whom is unsettled. */
export const missingIsDenied: Check = (evidence) => {
  const asked = all(evidence).filter(({ isMissing, status }) => isMissing && status !== undefined)
  const found = verdict(
    'a device that never was is 404, or 503 for a while',
    asked.length,
    asked.filter(({ status = 0 }) => ![404, 503].includes(status)),
    describeCommand,
  )
  found.note = `${asked.filter(({ status }) => status === 503).length} × 503`
  return found
}

/** Where every process ends in order, no answer is lost on the way. */
export const noneLostByOrderlyEnds: Check = (evidence) =>
  verdict(
    'no answer is lost when a process ends in order',
    all(evidence).length,
    all(evidence).filter(mayHaveReached),
    describeCommand,
  )

function slowest(commands: readonly CommandRecord[]): string {
  const times = commands
    .filter(({ status }) => status === 200)
    .map(({ sentAtMs, answeredAtMs = sentAtMs }) => answeredAtMs - sentAtMs)
  const at = (share: number): number => Math.round(quantile(times, share))
  return `answers of devices p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`
}

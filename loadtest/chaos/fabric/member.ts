/**
 * One process of the fabric that can be killed, ended, paused and started again, with a record of
 * all that happened to it: checks need to know whether a process was there at some moment.
 */
import { nowMs } from '#loadtest/chaos/clock.ts'
import { wait } from '#libs/retry/wait.ts'
import type { ProcessEnd } from '#tests/support/app-process.ts'

/** What a process does in the fabric. */
export type Role =
  | 'nats'
  | 'themis'
  | 'talaria'
  | 'petasos'
  | 'scytale'
  | 'caduceus'
  | 'receiver'
  | 'device'

/** What happened to a process. `fell`: it ended although nobody ended it. */
export type Happening = 'started' | 'killed' | 'ending' | 'ended' | 'paused' | 'resumed' | 'fell'

/** One entry of the record. */
export interface MemberEvent {
  what: Happening
  atMs: number
  /** Of its end. */
  end?: ProcessEnd
}

/** A process as it was launched. */
export interface Launched {
  readonly pid: number
  readonly ended: Promise<ProcessEnd>
}

/** One process, over all its lives. */
export interface Member {
  readonly name: string
  readonly role: Role
  /** Running, and neither killed nor told to end. A paused one is up. */
  readonly isUp: boolean
  readonly pid: number
  readonly record: readonly MemberEvent[]
  /** Resolves once it is ready. */
  start(): Promise<void>
  /** SIGKILL; resolves once it is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves once it is gone. */
  end(): Promise<void>
  pause(): void
  resume(): void
}

/** What {@link createMember} needs. */
export interface MemberOptions {
  name: string
  role: Role
  /** Starts it; resolves once it is ready. */
  launch: () => Promise<Launched>
  /** Called as soon as something happened to it. */
  onEvent?: ((member: Member, event: MemberEvent) => void) | undefined
}

/** Its port may be in use for a moment after its former life. */
const START_ATTEMPTS = 3
const START_WAIT_MS = 500

/** An orderly end takes SHUTDOWN_MS, 25 s, at most. */
const END_MS = 40_000

/** A member that was not started yet. */
export function createMember({ name, role, launch, onEvent }: MemberOptions): Member {
  const record: MemberEvent[] = []
  let running: Launched | undefined
  let isUp = false
  let isWanted = false
  const note = (what: Happening, end?: ProcessEnd): void => {
    const event = { what, atMs: nowMs(), ...(end && { end }) }
    record.push(event)
    onEvent?.(member, event)
  }
  const watch = async (launched: Launched): Promise<void> => {
    const end = await launched.ended
    if (running !== launched || !isUp) return
    isUp = false
    note('fell', end)
    // Whoever supervises a process starts it again.
    if (isWanted) await member.start().catch(() => undefined)
  }
  const signal = (name: NodeJS.Signals): void => {
    try {
      if (running) process.kill(running.pid, name)
    } catch {
      // It is gone already.
    }
  }
  const member: Member = {
    name,
    role,
    get isUp() {
      return isUp
    },
    get pid() {
      return running?.pid ?? 0
    },
    record,
    async start() {
      isWanted = true
      for (let attempt = 1; ; attempt += 1) {
        try {
          running = await launch()
          break
        } catch (error) {
          if (attempt === START_ATTEMPTS) throw error
          await wait(START_WAIT_MS)
        }
      }
      // It was ended while it was started again.
      if (!isWanted) return signal('SIGKILL')
      isUp = true
      note('started')
      void watch(running)
    },
    async kill() {
      isUp = false
      isWanted = false
      // Noted before it happens: what is lost by it is lost after this moment.
      note('killed')
      signal('SIGKILL')
      await running?.ended
    },
    async end() {
      isUp = false
      isWanted = false
      note('ending')
      signal('SIGTERM')
      const timer = setTimeout(() => signal('SIGKILL'), END_MS)
      const end = await running?.ended
      clearTimeout(timer)
      note('ended', end)
    },
    pause() {
      note('paused')
      signal('SIGSTOP')
    },
    resume() {
      signal('SIGCONT')
      note('resumed')
    },
  }
  return member
}

/** Who uses a process needs so long until it does so again after it is back. */
const RETURN_MS = 3_000

/** Whether a process was away, stood still or had just come back at some moment of a span. */
export function isDisturbed({ record }: Member, fromMs: number, untilMs: number): boolean {
  let sinceMs: number | undefined
  for (const { what, atMs } of record) {
    if (what !== 'started' && what !== 'resumed') sinceMs ??= atMs
    else if (sinceMs !== undefined) {
      if (sinceMs <= untilMs && atMs + RETURN_MS >= fromMs) return true
      sinceMs = undefined
    }
  }
  return sinceMs !== undefined && sinceMs <= untilMs
}

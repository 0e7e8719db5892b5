/** Carries a schedule out: signals to processes, and starts them again. */
import { wait } from '#libs/retry/wait.ts'
import { basicOf } from '#tests/support/caller.ts'
import { OPERATOR, type AppMember } from './fabric/fabric.ts'
import type { Member } from './fabric/member.ts'
import type { Fault } from './schedule.ts'

/** A drain closes some dozens of devices; it is done in less. */
const DRAIN_MS = 15_000
const POLL_MS = 100

/** What {@link inject} needs. */
export interface InjectOptions {
  members: readonly Member[]
  faults: readonly Fault[]
  /** A fault begins only once the one before it is over, as in a deployment that waits. */
  isInTurn: boolean
  /** Ends it early; whoever stands still goes on before it returns. */
  signal: AbortSignal
  onFault: (fault: Fault, index: number) => void
}

/**
 * Resolves once the last fault is over and every process that was to come back is ready.
 * @throws when a process cannot be started again.
 */
export async function inject(options: InjectOptions): Promise<void> {
  const { members, faults, isInTurn, signal, onFault } = options
  const startedAt = performance.now()
  const byName = new Map(members.map((member) => [member.name, member]))
  // What a process is in the middle of is finished before the next thing is done to it.
  const busy = new Map<string, Promise<void>>()
  for (const [index, fault] of faults.entries()) {
    // On a loaded machine the one before may have taken longer than was between the two.
    const waitMs = Math.max(0, startedAt + fault.atMs - performance.now())
    if (!(await wait(waitMs, signal))) break
    const member = byName.get(fault.target)
    if (!member) throw new TypeError(`there is no process ${fault.target}`)
    const before = busy.get(fault.target) ?? Promise.resolve()
    onFault(fault, index)
    const acting = before.then(() => act(member, fault, signal))
    // The rejection is told by the `all` below; until then it is not unhandled.
    acting.catch(() => undefined)
    busy.set(fault.target, acting)
    if (isInTurn) await acting
  }
  await Promise.all(busy.values())
}

async function act(member: Member, { action, lastsMs }: Fault, signal: AbortSignal): Promise<void> {
  switch (action) {
    case 'kill':
    case 'restart':
      await (action === 'kill' ? member.kill() : member.end())
      if (lastsMs !== undefined && (await wait(lastsMs, signal))) await member.start()
      return
    case 'pause':
      member.pause()
      await wait(lastsMs ?? 0, signal)
      member.resume()
      return
    case 'drain':
      await drain(member as AppMember)
      return
  }
}

/** As an operator does it; resolves once the Talaria has closed its devices. */
async function drain({ operationsUrl }: AppMember): Promise<void> {
  const url = `${operationsUrl}/api/v2/device/drain`
  const headers = { authorization: basicOf(OPERATOR) }
  const begun = await fetch(url, { method: 'POST', headers })
  await begun.body?.cancel()
  if (!begun.ok) throw new Error(`a drain is refused: ${begun.status}`)
  const until = performance.now() + DRAIN_MS
  for (;;) {
    const { active } = (await (await fetch(url, { headers })).json()) as { active: boolean }
    if (!active) return
    if (performance.now() > until) throw new Error('a drain does not end')
    await wait(POLL_MS)
  }
}
